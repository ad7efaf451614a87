import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { qemuImg } from '../../build/vm/disk.ts'
import { Machine, type MachineHost } from '../../build/vm/machine.ts'
import { countEntries } from './replay.ts'

/** What a machine did to its disk, and when. */
export interface Recording {
  /** Path of the log. */
  log: string
  /** Size of the disk, bytes. */
  size: number
  /** Entries in the log when each phase ended. */
  phases: { name: string; end: number }[]
}

/** Larger than any image, so that STATE grows at the first boot. */
const DISK_BYTES = 4 * 1024 ** 3
/** Logging every write and a busy host both cost time. */
const BOOT_TIMEOUT_MS = 600_000

/**
 * Boots an image for the first time on a disk that logs every write: first boot with the growth of STATE and the
 * first mark-good, a restart in order with the mark-good of a later boot, and a shutdown.
 */
export async function recordFirstBoots(
  image: string,
  folder: string,
  host: MachineHost,
  note: (line: string) => void,
): Promise<Recording> {
  await mkdir(folder, { recursive: true })
  const log = join(folder, 'writes.log')
  await (await open(log, 'w')).close()
  const backing = ['-F', 'raw', '-b', image]
  await qemuImg(
    folder,
    ['create', '-q', '-f', 'qcow2', ...backing, 'disk.qcow2', String(DISK_BYTES)],
    host.programs,
  )
  const machine = await Machine.start(
    {
      name: 'powercut',
      folder,
      disk: {
        blockdevs: [
          'driver=file,node-name=log,filename=writes.log',
          'driver=qcow2,node-name=written,file.driver=file,file.filename=disk.qcow2',
          'driver=blklogwrites,node-name=disk,file=written,log=log,log-super-update-interval=1',
        ],
      },
      unsafeFlush: true,
    },
    host,
  )
  const phases: Recording['phases'] = []
  const ended = async (name: string) => {
    const end = await countEntries(log)
    phases.push({ name, end })
    note(`${name}: ${end} log entries`)
  }
  try {
    await machine.waitBoot({ count: 1, timeoutMs: BOOT_TIMEOUT_MS })
    await ended('first boot')
    // What was still under way then, such as the growth of STATE.
    await machine.ssh.exec('systemctl is-system-running --wait; sync', { timeoutMs: BOOT_TIMEOUT_MS })
    await ended('settled')
    // The answer to this may be lost: the machine goes down under it.
    await machine.ssh.exec('sudo systemctl reboot')
    await machine.waitBoot({ count: 2, timeoutMs: BOOT_TIMEOUT_MS })
    await ended('second boot')
    await machine.powerdown()
    await ended('shutdown')
  } finally {
    await machine.close()
  }
  return { log, size: DISK_BYTES, phases }
}
