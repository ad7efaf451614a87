import { readFile } from 'node:fs/promises'
import { availableParallelism, networkInterfaces, totalmem } from 'node:os'
import { UserError } from '#lib/errors.ts'
import type { Machine } from '#lib/fleet/model.ts'
import { FLEET_VERSION } from '#lib/fleet/version.ts'
import { defaultInterface, isGlobalUnicast } from '../address.ts'

const MACHINE_ID = '/etc/machine-id'
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
const ROUTES = '/proc/net/route'

/** What this machine says of itself. */
export class LocalMachine {
  readonly id: string
  readonly #boot: string
  readonly #publicIp: string
  readonly #metadata: Readonly<Record<string, string>>
  #apiPort: number | undefined

  private constructor(id: string, boot: string, options: LocalMachineOptions) {
    this.id = id
    this.#boot = boot
    this.#publicIp = options.publicIp
    this.#metadata = options.metadata
  }

  /** @throws UserError without a machine ID */
  static async open(options: LocalMachineOptions): Promise<LocalMachine> {
    const id = (await readFile(MACHINE_ID, 'utf8')).trim()
    if (!/^[0-9a-zA-Z-]+$/.test(id))
      throw new UserError(`${MACHINE_ID} holds no machine ID`, 'systemd-machine-id-setup makes one')
    return new LocalMachine(id, (await readFile(BOOT_ID, 'utf8')).trim(), options)
  }

  /** TCP port under which other machines reach its API. */
  set apiPort(port: number | undefined) {
    this.#apiPort = port
  }

  /** As it is now: its address may have changed. */
  async describe(): Promise<Machine> {
    const ip = this.#publicIp === '' ? await findAddress() : this.#publicIp
    return {
      id: this.id,
      ip,
      metadata: this.#metadata,
      version: FLEET_VERSION,
      capacity: { memoryBytes: totalmem(), cpuMillis: availableParallelism() * 1000 },
      boot: this.#boot,
      api: this.#apiPort === undefined || ip === '' ? '' : `http://${ip}:${this.#apiPort}`,
    }
  }
}

/** What is configured of a machine. */
export interface LocalMachineOptions {
  publicIp: string
  metadata: Readonly<Record<string, string>>
}

/** The first global address of the interface of the default route, or of any; `''` while there is none. */
async function findAddress(): Promise<string> {
  const routes = await readFile(ROUTES, 'utf8').catch(() => '')
  const interfaces = networkInterfaces()
  const name = defaultInterface(routes)
  const first = name === undefined ? [] : (interfaces[name] ?? [])
  const all = [...first, ...Object.values(interfaces).flatMap(list => list ?? [])]
  return all.find(({ family, address }) => family === 'IPv4' && isGlobalUnicast(address))?.address ?? ''
}
