import { join } from 'node:path'
import { NO_METADATA, parseMetadata } from '../../metadata/metadata.ts'
import { FIRMWARE_METADATA, FIRMWARE_NAMES, firmwarePath } from '../source.ts'
import { METADATA_BYTES_MAX, readBounded, USER_DATA_BYTES_MAX } from './files.ts'
import { newReading, type Reading, readPart, readUserData } from './reading.ts'

/**
 * Reads what QEMU's firmware hands over: the first of the names for user data that exists, and our metadata. The
 * kernel shows them when its module qemu_fw_cfg is loaded.
 */
export async function readFirmware(root = '/'): Promise<Reading> {
  const reading = newReading('fw_cfg')
  for (const name of FIRMWARE_NAMES) {
    let isThere = false
    await readUserData(reading, async () => {
      const bytes = await readBounded(join(root, firmwarePath(name)), USER_DATA_BYTES_MAX, `fw_cfg ${name}`)
      isThere = bytes !== undefined
      return bytes
    })
    if (!isThere && !reading.isBroken) continue
    reading.place = `fw_cfg ${name}`
    break
  }
  await readFirmwareMetadata(reading, root)
  return reading
}

/** Reads the metadata alone: it says who the machine is, wherever its user data comes from. */
export async function readFirmwareMetadata(reading: Reading, root = '/'): Promise<void> {
  const metadata = await readPart(reading, async () => {
    const path = join(root, firmwarePath(FIRMWARE_METADATA))
    const bytes = await readBounded(path, METADATA_BYTES_MAX, `fw_cfg ${FIRMWARE_METADATA}`)
    return bytes === undefined ? undefined : parseMetadata(bytes.toString('utf8'))
  })
  reading.metadata = metadata ?? NO_METADATA
}
