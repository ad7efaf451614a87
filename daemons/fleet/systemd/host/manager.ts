import { type BusPlace, busPlaces } from '#lib/dbus/address.ts'
import { type BusConnection, connectBus } from '#lib/dbus/host/connection.ts'
import { DBusError, type DBusValue, type Message } from '#lib/dbus/types.ts'
import type { UnitManager, UnitStatus } from '../manager.ts'

const SERVICE = 'org.freedesktop.systemd1'
const MANAGER_PATH = '/org/freedesktop/systemd1'
const MANAGER = `${SERVICE}.Manager`
const PROPERTIES = 'org.freedesktop.DBus.Properties'
const UNIT_FOLDER = `${MANAGER_PATH}/unit`
/** Signals by which systemd says that something changed. */
const SIGNALS = new Set(['UnitNew', 'UnitRemoved', 'JobRemoved', 'Reloading', 'UnitFilesChanged'])
const RULES = [
  `type='signal',sender='${SERVICE}',interface='${MANAGER}'`,
  `type='signal',sender='${SERVICE}',interface='${PROPERTIES}',path_namespace='${UNIT_FOLDER}'`,
]
/** After a connection broke, for those who listen. */
const RECONNECT_MS = 1_000
/** Changes that come within it are told as one. */
const COALESCE_MS = 50
const RUNTIME = true
const FORCE = true

/** Errors of systemd about units that are not there. */
const ABSENT = new Set([`${SERVICE}.NoSuchUnit`, 'org.freedesktop.DBus.Error.FileNotFound'])

/** systemd over D-Bus. It connects when it is first needed, and again after the bus was restarted. */
export class DbusManager implements UnitManager {
  readonly #places: () => BusPlace[]
  readonly #listeners = new Set<() => void>()
  #connecting: Promise<BusConnection> | undefined
  #isClosed = false
  #coalescing: NodeJS.Timeout | undefined
  #reconnecting: NodeJS.Timeout | undefined

  /** @param options.isUser the user's own systemd instead of the system's */
  constructor(options: {
    isUser: boolean
    env: Readonly<Record<string, string | undefined>>
    places?: BusPlace[]
  }) {
    const { isUser, env, places } = options
    this.#places = () => places ?? busPlaces(env, process.getuid?.() ?? 0, isUser)
  }

  async link(path: string, hasInstall: boolean): Promise<void> {
    await this.#call('LinkUnitFiles', 'asbb', [[path], RUNTIME, FORCE])
    if (!hasInstall) return
    const [carriesInstall] = await this.#call('EnableUnitFiles', 'asbb', [[path], RUNTIME, FORCE])
    if (carriesInstall !== true) throw new Error('the unit file carries no install information')
  }

  async disable(name: string): Promise<void> {
    await unlessAbsent(this.#call('DisableUnitFiles', 'asb', [[name], RUNTIME]))
  }

  async knows(name: string): Promise<boolean> {
    try {
      await this.#call('GetUnit', 's', [name])
      return true
    } catch (error) {
      if (error instanceof DBusError && ABSENT.has(error.errorName)) return false
      throw error
    }
  }

  async reload(): Promise<void> {
    await this.#call('Reload', '', [])
  }

  async start(name: string): Promise<void> {
    await this.#call('StartUnit', 'ss', [name, 'replace'])
  }

  async stop(name: string): Promise<void> {
    await unlessAbsent(this.#call('StopUnit', 'ss', [name, 'replace']))
  }

  async restart(name: string): Promise<void> {
    await this.#call('RestartUnit', 'ss', [name, 'replace'])
  }

  async resetFailed(name: string): Promise<void> {
    await unlessAbsent(this.#call('ResetFailedUnit', 's', [name]))
  }

  async statuses(names: readonly string[]): Promise<UnitStatus[]> {
    if (names.length === 0) return []
    const [listed] = await this.#call('ListUnitsByNames', 'as', [[...names]])
    return (listed as unknown as readonly ListedUnit[]).map(statusOf)
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    this.#connection().catch(() => this.#reconnectSoon())
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#coalescing)
    clearTimeout(this.#reconnecting)
    this.#connecting?.then(
      connection => connection.close(),
      () => undefined,
    )
    this.#connecting = undefined
  }

  async #call(member: string, signature: string, body: DBusValue[]): Promise<readonly DBusValue[]> {
    const connection = await this.#connection()
    const target = { destination: SERVICE, path: MANAGER_PATH, interface: MANAGER }
    return await connection.call({ ...target, member, signature, body })
  }

  #connection(): Promise<BusConnection> {
    if (this.#isClosed) return Promise.reject(new Error('systemd is not asked any more'))
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = undefined
      throw error
    })
    return this.#connecting
  }

  async #connect(): Promise<BusConnection> {
    const connection = await connectBus(this.#places())
    connection.onClose(() => {
      this.#connecting = undefined
      this.#changed()
      this.#reconnectSoon()
    })
    connection.onSignal(message => {
      if (isAboutUnits(message)) this.#changed()
    })
    try {
      for (const rule of RULES) await connection.addMatch(rule)
      const target = { destination: SERVICE, path: MANAGER_PATH, interface: MANAGER }
      await connection.call({ ...target, member: 'Subscribe' }).catch(refuseUnless('AlreadySubscribed'))
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  }

  /** Those who listen for changes need a connection even while nobody calls. */
  #reconnectSoon(): void {
    if (this.#isClosed || this.#listeners.size === 0) return
    clearTimeout(this.#reconnecting)
    this.#reconnecting = setTimeout(() => {
      this.#connection().then(
        () => this.#changed(),
        () => this.#reconnectSoon(),
      )
    }, RECONNECT_MS)
  }

  #changed(): void {
    if (this.#isClosed) return
    this.#coalescing ??= setTimeout(() => {
      this.#coalescing = undefined
      for (const listener of this.#listeners) listener()
    }, COALESCE_MS)
  }
}

/** name, description, load, active, sub, following, path, job, its type, its path */
type ListedUnit = readonly [string, string, string, string, string, string, string, number, string, string]

function statusOf([name, , load, active, sub, , , job, jobType]: ListedUnit): UnitStatus {
  const isQueued = job !== 0 && (jobType === 'start' || jobType === 'restart') && active === 'inactive'
  return isQueued ? { name, load, active: 'activating', sub: 'queued' } : { name, load, active, sub }
}

function isAboutUnits({ path, interface: name, member }: Message): boolean {
  if (name === MANAGER) return SIGNALS.has(member ?? '')
  return name === PROPERTIES && path?.startsWith(`${UNIT_FOLDER}/`) === true
}

/** What is to be undone for a unit that is not there is done. */
async function unlessAbsent(done: Promise<unknown>): Promise<void> {
  try {
    await done
  } catch (error) {
    if (!(error instanceof DBusError && ABSENT.has(error.errorName))) throw error
  }
}

function refuseUnless(word: string): (error: unknown) => void {
  return error => {
    if (!(error instanceof DBusError && error.errorName.endsWith(word))) throw error
  }
}
