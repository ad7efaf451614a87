import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import { type Accelerator, chooseAccelerator } from './accelerator.ts'
import { FILES, qemuArguments } from './arguments.ts'
import { Console } from './console.ts'
import { firmwareFiles } from './credentials.ts'
import { TimeoutError, within } from './deadline.ts'
import { prepareDisk } from './disk.ts'
import { Emulator, type Ended, explain, explainEnd } from './emulator.ts'
import { isRunning } from './identity.ts'
import { withFolderLock } from './lock.ts'
import {
  CPUS,
  type DiskOptions,
  type MachineOptions,
  MEMORY_MIB,
  machineCredentials,
  parseForwards,
  planMachine,
} from './plan.ts'
import type { Programs } from './programs.ts'
import { QmpClient } from './qmp/client.ts'
import { formatRecord, type MachineRecord, parseRecord } from './record.ts'
import { ensureKey, Ssh } from './ssh.ts'
import type { Boot } from './transcript.ts'

/** A boot takes 25 to 45 s under TCG on an idle host, and more when others work. */
export const BOOT_TIMEOUT_MS = 240_000
/** Until QEMU's control socket answers. */
const START_TIMEOUT_MS = 30_000
const RETRY_PAUSE_MS = 50
/** For QEMU to be gone after it was told to quit. */
const QUIT_TIMEOUT_MS = 15_000
/** For the guest to shut down in order. */
export const POWERDOWN_TIMEOUT_MS = 90_000
const SSH_READY_TIMEOUT_MS = 60_000
const RECORD = 'machine.json'
const SSH_PORT = 22

/** What machines need of the host. */
export interface MachineHost {
  programs: Programs
  /** Where the answer to "does KVM work" is kept. */
  cacheFolder: string
}

/** A virtual machine that runs. */
export class Machine {
  readonly name: string
  readonly folder: string
  readonly accelerator: Accelerator | undefined
  readonly qmp: QmpClient
  readonly console: Console
  readonly ssh: Ssh
  /** Ports of 127.0.0.1 by the guest's port that they lead to. */
  readonly ports: ReadonlyMap<number, number>
  readonly #emulator: Emulator
  readonly #attached: boolean
  #closed = false

  private constructor(parts: {
    record: MachineRecord
    folder: string
    accelerator?: Accelerator
    qmp: QmpClient
    console: Console
    ssh: Ssh
    ports: ReadonlyMap<number, number>
    emulator: Emulator
    attached: boolean
  }) {
    this.name = parts.record.name
    this.folder = parts.folder
    this.accelerator = parts.accelerator
    this.qmp = parts.qmp
    this.console = parts.console
    this.ssh = parts.ssh
    this.ports = parts.ports
    this.#emulator = parts.emulator
    this.#attached = parts.attached
    void this.#emulator.ended.then(async ended => {
      if (!this.#closed) await this.console.end(new Error(await explainEnd(this.folder, ended)))
    })
  }

  /**
   * Starts a machine; it is running, not yet booted (see `waitBoot`).
   *
   * @throws UserError when it runs already or QEMU cannot start
   */
  static async start(options: MachineOptions, host: MachineHost): Promise<Machine> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 })
    return await withFolderLock(options.folder, () => Machine.#start(options, host))
  }

  static async #start(options: MachineOptions, host: MachineHost): Promise<Machine> {
    const { folder } = options
    const before = await readRecord(folder)
    if (before?.process && (await isRunning(before.process)))
      throw new UserError(`machine ${options.name} runs already (${folder})`)
    const accelerator = await acceleratorFor(options.disk, host)
    const { args, record } = await prepare(options, host.programs, accelerator)
    for (const name of [FILES.console, FILES.control, FILES.visitors])
      await rm(join(folder, name), { force: true })
    const attached = options.lifetime !== 'detached'
    const emulator = await Emulator.start(folder, host.programs.command('qemu-system-x86_64', args), attached)
    try {
      // Written before anything can fail, so that a process that goes on is never lost.
      await writeRecord(folder, { ...record, process: emulator.identity })
      const qmp = await connectControl(folder, emulator)
      const ports = parseForwards(String(await monitor(qmp, 'info usernet')))
      const sshPort = ports.get(SSH_PORT)
      if (sshPort === undefined) throw new Error('QEMU forwards no port to the guest’s SSH')
      await writeRecord(folder, { ...record, process: emulator.identity, sshPort })
      const console = await Console.follow(folder, record.consoleStart)
      // Who stays asks a lot: under TCG each connection of its own costs the guest a second.
      const ssh = new Ssh(folder, host.programs, { user: 'core', port: sshPort, isShared: attached })
      return new Machine({ record, folder, accelerator, qmp, console, ssh, ports, emulator, attached })
    } catch (error) {
      await emulator.kill()
      throw error
    }
  }

  /**
   * The machine of this folder if it runs, started by whatever process; undefined otherwise.
   *
   * @throws UserError when its record is damaged, TimeoutError when its control socket is taken
   */
  static async open(folder: string, host: MachineHost): Promise<Machine | undefined> {
    const record = await readRecord(folder)
    if (!record?.process || record.sshPort === undefined || !(await isRunning(record.process)))
      return undefined
    const emulator = Emulator.adopt(record.process)
    try {
      const qmp = await QmpClient.connect(join(folder, FILES.visitors), START_TIMEOUT_MS)
      const ports = parseForwards(String(await monitor(qmp, 'info usernet')))
      const console = await Console.follow(folder, record.consoleStart)
      const ssh = new Ssh(folder, host.programs, { user: 'core', port: record.sshPort })
      return new Machine({ record, folder, qmp, console, ssh, ports, emulator, attached: false })
    } catch (error) {
      emulator.release()
      if (await isRunning(record.process)) throw error
      return undefined // it ended while we knocked
    }
  }

  /** Settles when QEMU has ended. */
  get ended(): Promise<Ended> {
    return this.#emulator.ended
  }

  /** Starts seen so far. */
  get boots(): readonly Boot[] {
    return this.console.boots
  }

  /**
   * Waits until a start of the machine has completed: boot number `count` (default: the next one that is not
   * complete, from 1), and that SSH lets us in.
   *
   * @throws TimeoutError with the console's last lines; Error when the machine ends or its health checks fail
   */
  async waitBoot(options: { count?: number; timeoutMs?: number; ssh?: boolean } = {}): Promise<Boot> {
    const current = this.boots.at(-1)
    const count =
      options.count ??
      (current === undefined ? 1 : this.boots.length + (current.version === undefined ? 0 : 1))
    const boot = await this.console.waitBoot(
      count,
      seen => seen.version !== undefined || seen.failure !== undefined,
      { timeoutMs: options.timeoutMs ?? BOOT_TIMEOUT_MS, what: `end of boot ${count} of ${this.name}` },
    )
    if (boot.failure !== undefined) throw new Error(`${this.name}: boot ${count} failed: ${boot.failure}`)
    if (options.ssh ?? true) await this.ssh.waitReady(SSH_READY_TIMEOUT_MS)
    return boot
  }

  /** Holds the processors; the guest notices nothing but the clock. */
  async stop(): Promise<void> {
    await this.qmp.execute('stop')
  }

  /** Lets the processors go on. */
  async cont(): Promise<void> {
    await this.qmp.execute('cont')
  }

  /** Presses the reset button. */
  async reset(): Promise<void> {
    await this.qmp.execute('system_reset')
  }

  /** `running`, `paused`, … as QEMU calls it. */
  async status(): Promise<string> {
    const answer = await this.qmp.execute('query-status')
    return typeof answer === 'object' && answer !== null && 'status' in answer
      ? String(answer.status)
      : 'unknown'
  }

  /** What QEMU tells about its disks (`query-block`). */
  async blockInfo(): Promise<unknown> {
    return await this.qmp.execute('query-block')
  }

  /**
   * Presses the power button and waits until the guest has shut down and QEMU has ended.
   *
   * @throws TimeoutError when the guest does not
   */
  async powerdown(timeoutMs: number = POWERDOWN_TIMEOUT_MS): Promise<void> {
    await this.qmp.execute('system_powerdown')
    await within(this.ended, timeoutMs, `shutdown of ${this.name}`)
    await this.#recordStop()
    await this.close()
  }

  /** Ends QEMU in order; for the guest it is a power cut, what it has written is kept. */
  async quit(): Promise<void> {
    try {
      await this.qmp.execute('quit').catch(() => undefined) // the connection may end before its answer
      await within(this.ended, QUIT_TIMEOUT_MS, `end of ${this.name}`)
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      await this.#emulator.kill()
    }
    await this.#recordStop()
    await this.close()
  }

  /** Kills QEMU, as if the host's plug was pulled. */
  async kill(): Promise<void> {
    await this.#emulator.kill()
    await this.#recordStop()
    await this.close()
  }

  /** Leaves the machine: an attached one ends, a detached one goes on. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#attached) {
      await this.#emulator.kill()
      await this.console.end(new Error('the machine ended'))
    } else {
      this.#emulator.release()
    }
    this.qmp.close()
    await this.console.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #recordStop(): Promise<void> {
    const record = await readRecord(this.folder)
    if (record) await recordStop(this.folder, record)
  }
}

/** What a machine with this disk runs on. */
export async function acceleratorFor(disk: DiskOptions, host: MachineHost): Promise<Accelerator> {
  const image = 'base' in disk && disk.format === 'raw' ? disk.base : undefined
  return await chooseAccelerator(host.programs, host.cacheFolder, image)
}

/** The record of the machine in this folder, or undefined when there is none. */
export async function readRecord(folder: string): Promise<MachineRecord | undefined> {
  const path = join(folder, RECORD)
  try {
    return parseRecord(await readFile(path, 'utf8'), path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeRecord(folder: string, record: MachineRecord): Promise<void> {
  await replaceFile(join(folder, RECORD), formatRecord(record), { mode: 0o600 })
}

async function recordStop(folder: string, record: MachineRecord): Promise<void> {
  const { process: _process, sshPort: _port, ...stopped } = record
  await writeRecord(folder, stopped)
}

/** Makes everything in the folder that QEMU will open. */
async function prepare(options: MachineOptions, programs: Programs, accelerator: Accelerator) {
  const { folder } = options
  const publicKey = await ensureKey(folder, programs)
  const disk = await prepareDisk(folder, options.disk, programs)
  const files = await writeFirmwareFiles(
    folder,
    machineCredentials(options, publicKey),
    options.firmwareFiles ?? {},
  )
  const variables = 'ovmf-variables.fd'
  if (options.firmware === 'uefi' && !existsSync(join(folder, variables))) {
    await copyFile(programs.ovmf.variables, join(folder, variables))
    await chmod(join(folder, variables), 0o600)
  }
  const plan = planMachine(options, {
    accelerator,
    dataFolders: programs.dataFolders,
    ovmf: { code: programs.ovmf.code, variables },
    disk,
    firmwareFiles: files,
    registryCommand: [
      process.execPath,
      join(import.meta.dirname, 'registry/main.ts'),
      options.registry ?? '',
    ],
  })
  const log = await stat(join(folder, FILES.consoleLog)).catch(() => undefined)
  const record: MachineRecord = {
    version: 1,
    name: options.name,
    memoryMiB: options.memoryMiB ?? MEMORY_MIB,
    cpus: options.cpus ?? CPUS,
    firmware: plan.firmware,
    diskBus: plan.diskBus,
    networkCard: plan.networkCard,
    image: 'base' in options.disk ? options.disk.base : 'own',
    ...(options.address === undefined ? {} : { address: options.address }),
    consoleStart: log?.size ?? 0,
  }
  return { args: qemuArguments(plan), record }
}

async function writeFirmwareFiles(
  folder: string,
  credentials: Record<string, string | Uint8Array>,
  files: Record<string, string | Uint8Array>,
): Promise<{ name: string; file: string }[]> {
  const all = firmwareFiles(credentials, files)
  await rm(join(folder, 'firmware'), { recursive: true, force: true })
  await mkdir(join(folder, 'firmware'), { mode: 0o700 })
  const written: { name: string; file: string }[] = []
  for (const [index, { name, content }] of all.entries()) {
    const file = `firmware/${index}`
    await writeFile(join(folder, file), content, { mode: 0o600 })
    written.push({ name, file })
  }
  return written
}

/** Connects to QEMU as soon as it listens. */
async function connectControl(folder: string, emulator: Emulator): Promise<QmpClient> {
  const deadline = performance.now() + START_TIMEOUT_MS
  let ended = false
  const watch = emulator.ended.then(() => {
    ended = true
  })
  for (;;) {
    try {
      return await QmpClient.connect(join(folder, FILES.control), START_TIMEOUT_MS)
    } catch (error) {
      const code = errorCode(error)
      const soon = code === 'ENOENT' || code === 'ECONNREFUSED'
      if (!soon) await Promise.race([watch, new Promise(resolve => setTimeout(resolve, RETRY_PAUSE_MS))])
      if (ended) throw new UserError(await explain(folder))
      if (!soon || performance.now() > deadline) throw error
    }
    await Promise.race([watch, new Promise(resolve => setTimeout(resolve, RETRY_PAUSE_MS))])
  }
}

async function monitor(qmp: QmpClient, line: string): Promise<unknown> {
  return await qmp.execute('human-monitor-command', { 'command-line': line })
}
