import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { complaint, type Runner } from '../../apply/host/machine.ts'
import { DRIVE_METADATA, DRIVE_USER_DATA, parseDriveMetadata } from '../configdrive.ts'
import { convertInterfaces } from '../netconf.ts'
import { METADATA_BYTES_MAX, readInside, USER_DATA_BYTES_MAX } from './files.ts'
import { newReading, type Reading, readPart, readUserData, takeMetadata } from './reading.ts'

const MOUNT_POINT = '/run/orlop/configdrive'
/** Nothing on it is a program or a device of ours. */
const MOUNT_OPTIONS = 'ro,nosuid,nodev,noexec'
const DISK_TYPES = 'iso9660,udf,vfat'
const SHARE_OPTIONS = 'trans=virtio,version=9p2000.L'

/** Reads a config drive that is mounted, or a folder like it. */
export async function readConfigDrive(folder: string, place = folder): Promise<Reading> {
  const reading = newReading(place)
  await readUserData(reading, () => readInside(folder, DRIVE_USER_DATA, USER_DATA_BYTES_MAX))
  const metadata = await readPart(reading, async () => {
    const bytes = await readInside(folder, DRIVE_METADATA, METADATA_BYTES_MAX)
    return bytes === undefined ? undefined : parseDriveMetadata(bytes.toString('utf8'))
  })
  if (metadata === undefined) return reading
  const { networkPath, ...rest } = metadata
  takeMetadata(reading, rest)
  if (networkPath === undefined) return reading
  await readPart(reading, async () => {
    const bytes = await readInside(folder, networkPath, METADATA_BYTES_MAX)
    if (bytes === undefined) throw new UserError(`${networkPath}: is not on the drive`)
    const { files, problems } = convertInterfaces(bytes.toString('utf8'))
    reading.networkFiles = files
    reading.problems.push(...problems.map(problem => `${networkPath}: ${problem}`))
  })
  return reading
}

/** What is mounted for the time it is read. */
export interface Drive {
  /** Device, or tag of a 9p share. */
  source: string
  isShare: boolean
  /** For messages. */
  what: string
}

/**
 * Mounts a drive read-only, reads, and unmounts it again.
 *
 * @throws UserError when it can not be mounted
 */
export async function readMounted<Result>(
  drive: Drive,
  root: string,
  run: Runner,
  read: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = join(root, MOUNT_POINT)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { source, isShare, what } = drive
  const type = isShare ? '9p' : DISK_TYPES
  const options = isShare ? `${MOUNT_OPTIONS},${SHARE_OPTIONS}` : MOUNT_OPTIONS
  const mounted = await run('mount', ['-t', type, '-o', options, source, folder])
  if (mounted.status !== 0)
    throw new UserError(`${what} ${source}: can not be mounted as ${type}: ${complaint(mounted)}`)
  try {
    return await read(folder)
  } finally {
    const unmounted = await run('umount', [folder])
    // Somebody looks into it: it goes when nobody does any more.
    if (unmounted.status !== 0) await run('umount', ['--lazy', folder])
  }
}
