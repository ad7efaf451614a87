import { UserError } from '#lib/errors.ts'
import { ErrorCode, EtcdError, hasCode } from '#lib/etcd/errors.ts'
import { type Candidate, Station } from '#lib/fleet/placing/able.ts'
import type { KeyStore } from '#lib/fleet/registry/store.ts'
import { Engine } from '../../../daemons/fleet/engine/engine.ts'
import { FleetNode, type NodeOptions } from '../../../daemons/fleet/node.ts'
import type { Act } from './acts.ts'
import type { KindName } from './units.ts'

/** What befalls a fleet in a run that looks for one bug; the bug itself is left to show by chance. */
export interface Climate {
  readonly kinds?: readonly KindName[]
  readonly harm?: readonly Act[]
  readonly members?: number
}

/** An error that a careless implementation makes, put into the parts that a node is made of. Nothing of it is in service. */
export interface PlantedFleetBug {
  readonly name: string
  /** Some bugs need several rare things: in a run that looks for one, the weather is such that these are not rare. */
  readonly climate?: Climate
  /** Builds the node of one machine with the bug in it. */
  readonly build?: (options: NodeOptions) => FleetNode
  /** Puts it where all machines have it, and gives what takes it away again. */
  readonly patch?: () => () => void
}

/** Something like the store, but for some of what it does. */
function storeLike(store: KeyStore, own: Partial<KeyStore>): KeyStore {
  return {
    get: (...words) => store.get(...words),
    set: (...words) => store.set(...words),
    create: (...words) => store.create(...words),
    refresh: (...words) => store.refresh(...words),
    delete: (...words) => store.delete(...words),
    watch: (...words) => store.watch(...words),
    ...own,
  }
}

/** A part with some of its properties replaced; what it keeps for itself it keeps. */
function like<T extends object>(part: T, own: Partial<T>): T {
  return new Proxy(part, {
    get(target, key) {
      const value: unknown = Reflect.get(key in own ? own : target, key)
      return typeof value === 'function' && !(key in own) ? value.bind(target) : value
    },
  })
}

/** Changes a node that was built as it should be. */
function changed(options: NodeOptions, change: (node: FleetNode) => void): FleetNode {
  const node = new FleetNode(options)
  change(node)
  return node
}

/** An engine with another patience. */
function withPatience(options: NodeOptions, patience: (node: FleetNode) => number): FleetNode {
  return changed(options, node => {
    const { registry, jobs, metrics } = node
    const isMember = (): boolean => node.presence.trouble === undefined
    const parts = { registry, jobs, metrics, isMember, intervalMs: options.engineIntervalMs }
    Object.assign(node, { engine: new Engine({ ...options, ...parts, patienceMs: () => patience(node) }) })
  })
}

function withStore(options: NodeOptions, own: Partial<KeyStore>): FleetNode {
  return new FleetNode({ ...options, store: storeLike(options.store, own) })
}

function patchStation(own: Partial<Station>): () => void {
  const before = Object.keys(own).map(key => [key, Reflect.get(Station.prototype, key)] as const)
  Object.assign(Station.prototype, own)
  return () => {
    for (const [key, value] of before) Reflect.set(Station.prototype, key, value)
  }
}

const STORE_BUGS: readonly PlantedFleetBug[] = [
  {
    // A listing that fails is taken for one of nothing.
    name: 'failureIsEmpty',
    climate: { harm: ['forget', 'elect'], members: 3 },
    build: options => {
      const { store, keys } = options
      const node = {
        dir: true,
        value: '',
        nodes: null,
        createdIndex: 1,
        modifiedIndex: 1,
        expiration: undefined,
      }
      const empty = { ...node, key: keys.jobs, ttl: 0 }
      return withStore(options, {
        get: async (key, ...rest) => {
          try {
            return await store.get(key, ...rest)
          } catch (error) {
            if (key !== keys.jobs || error instanceof EtcdError) throw error
            return { action: 'get', node: empty, prevNode: undefined, index: 1 } as never
          }
        },
      })
    },
  },
  {
    // Events between the listing and the watch are lost, as in the original.
    name: 'watchFromNow',
    build: options =>
      withStore(options, {
        watch: (key, { recursive = false } = {}) => options.store.watch(key, { recursive }),
      }),
  },
  {
    // What the store has forgotten is passed over.
    name: 'skipsForgotten',
    climate: { harm: ['forget', 'slow'] },
    build: options =>
      withStore(options, {
        watch: (key, wanted) => {
          let watcher = options.store.watch(key, wanted)
          return {
            next: async signal => {
              try {
                return await watcher.next(signal)
              } catch (error) {
                if (!hasCode(error, ErrorCode.historyCleared)) throw error
                watcher = options.store.watch(key, { recursive: true })
                return await watcher.next(signal)
              }
            },
          }
        },
      }),
  },
  {
    // Any member is asked for what it has, also one that has lost the others.
    name: 'readsAnyMember',
    climate: { harm: ['isolate', 'kill', 'start', 'retag'], members: 3 },
    build: options =>
      withStore(options, {
        get: (key, { recursive = false } = {}, signal) => options.store.get(key, { recursive }, signal),
      }),
  },
  {
    // The lease is taken and kept whoever has it.
    name: 'leaseUnconditional',
    build: options => {
      const { store, keys } = options
      return withStore(options, {
        create: (key, value, wanted, signal) =>
          key === keys.lease
            ? store.set(key, value, wanted, signal)
            : store.create(key, value, wanted, signal),
      })
    },
  },
  {
    // The agent does not hear of metadata that were set in the registry; the engine does.
    name: 'deafToMetadata',
    build: options => {
      const { store, keys, machineId } = options
      const own = keys.machine(machineId)
      return withStore(options, {
        get: async (key, ...rest) => {
          const answer = await store.get(key, ...rest)
          if (key !== own) return answer
          const nodes = answer.node.nodes?.filter(node => !node.key.endsWith('/metadata')) ?? null
          return { ...answer, node: { ...answer.node, nodes } }
        },
        watch: (key, wanted) => {
          const watcher = store.watch(key, wanted)
          if (key !== own) return watcher
          const next = async (signal?: AbortSignal): ReturnType<typeof watcher.next> => {
            const event = await watcher.next(signal)
            return event.node.key.includes('/metadata/') ? await next(signal) : event
          }
          return { next }
        },
      })
    },
  },
  {
    // When the store has lost everything, watches go on waiting for an index that is far away.
    name: 'keepsOldWatch',
    climate: { harm: ['wipe'], members: 3 },
    build: options =>
      changed(options, ({ jobs, engine }) => {
        jobs.mirror.reread = () => {}
        if (engine !== undefined) engine.reread = () => {}
      }),
  },
]

const ENGINE_BUGS: readonly PlantedFleetBug[] = [
  {
    // A unit is placed whether or not another was faster.
    name: 'placesUnconditionally',
    build: options =>
      changed(options, ({ registry }) => {
        registry.schedule = async (name, machineId) =>
          (await registry.store.set(registry.keys.jobKey(name, 'target'), machineId)).index
      }),
  },
  {
    // Machines get no time to come back after the store did.
    name: 'impatientEngine',
    climate: { harm: ['outage', 'elect'] },
    build: options => withPatience(options, () => 0),
  },
  {
    // An outage that fell between two beats of the one that leads now is none.
    name: 'believesItself',
    climate: { harm: ['elect'] },
    build: options =>
      withPatience(options, ({ presence }) =>
        presence.patienceMs < options.agentTtlMs ? 0 : options.agentTtlMs,
      ),
  },
  {
    // Only the unit that comes is asked with whom it conflicts, and not those that are there.
    name: 'conflictsOneWay',
    climate: { kinds: ['conflictsMany', 'conflictsOne'] },
    patch: () =>
      patchStation({
        conflictWith(this: Station, unit: Candidate) {
          const { conflicts } = unit.requirements
          for (const { name } of this.units())
            if (name !== unit.name && conflicts.some(pattern => pattern.matches(name))) return name
          return undefined
        },
      }),
  },
  {
    // What is driven away goes where it is driven away again.
    name: 'replacesForEver',
    climate: { kinds: ['replaces'], harm: ['put'] },
    patch: () => patchStation({ replacementOf: () => undefined, drivesAway: () => false }),
  },
  {
    // Reservations are added up, and not looked at.
    name: 'overbooks',
    climate: { kinds: [], harm: ['crash', 'start'] },
    patch: () => patchStation({ shortageFor: () => undefined }),
  },
]

const AGENT_BUGS: readonly PlantedFleetBug[] = [
  {
    // A registry without units is one in which nothing is wanted.
    name: 'wipedIsEmpty',
    build: options =>
      changed(options, ({ jobs }) => void Object.defineProperty(jobs, 'isWiped', { get: () => false })),
  },
  {
    // A machine that was cut off, stood still, or has another's ID acts as if it were a member.
    name: 'neverDoubtsItself',
    build: options =>
      changed(
        options,
        ({ presence }) => void Object.defineProperty(presence, 'trouble', { get: () => undefined }),
      ),
  },
  {
    // A stop that failed is taken for done.
    name: 'forgetsFailedStop',
    climate: { harm: ['fail', 'bus'] },
    build: options => {
      const { systemd } = options
      const stop = (name: string): Promise<void> => systemd.stop(name).catch(() => {})
      return new FleetNode({ ...options, systemd: like(systemd, { stop }) })
    },
  },
  {
    // What failed once is never tried again.
    name: 'neverTriesAgain',
    climate: { harm: ['fail', 'bus'] },
    build: options =>
      changed(options, ({ agent: { troubles } }) => {
        troubles.mayTry = name => troubles.message(name) === undefined
      }),
  },
  {
    // A daemon that comes back does not remember what it has launched.
    name: 'forgetsLaunched',
    climate: { harm: ['end', 'kill', 'start'] },
    build: options =>
      new FleetNode({ ...options, files: like(options.files, { recall: async () => undefined }) }),
  },
  {
    // systemd is not told to read texts again.
    name: 'neverReloads',
    build: options =>
      new FleetNode({ ...options, systemd: like(options.systemd, { reload: async () => {} }) }),
  },
]

const REPORTER_BUGS: readonly PlantedFleetBug[] = [
  {
    // States of a unit are removed with those of other machines, as in the original.
    name: 'removesAllStates',
    build: options =>
      changed(options, ({ registry }) => {
        registry.clearState = async name => {
          await registry.store.delete(`${registry.keys.states}/${name}`, { recursive: true }).catch(() => {})
        }
      }),
  },
  {
    // The word that a unit is launched stays after its stop.
    name: 'heartbeatStays',
    build: options =>
      changed(options, ({ registry }) => {
        registry.clearHeartbeat = async () => {}
      }),
  },
  {
    // States are written when they change, and never given more time.
    name: 'neverRenews',
    build: options =>
      changed(options, ({ registry }) => {
        const prolong = registry.prolong.bind(registry)
        registry.prolong = async (key, ...rest) =>
          key.startsWith(registry.keys.states) ? true : await prolong(key, ...rest)
      }),
  },
  {
    // Machines are told from one another by an address that all of them have.
    name: 'sameAddress',
    build: options => {
      const describe = async (): ReturnType<NodeOptions['describe']> => ({
        ...(await options.describe()),
        ip: '172.17.0.1',
      })
      return new FleetNode({ ...options, describe })
    },
  },
]

/** All of them. */
export const PLANTED_FLEET_BUGS: readonly PlantedFleetBug[] = [
  ...STORE_BUGS,
  ...ENGINE_BUGS,
  ...AGENT_BUGS,
  ...REPORTER_BUGS,
]

/**
 * All bugs that can be planted in a fleet, or the one of that name.
 *
 * @throws UserError when there is none
 */
export function plantedFleetBugs(name: string | undefined): readonly PlantedFleetBug[] {
  if (name === undefined) return PLANTED_FLEET_BUGS
  const found = PLANTED_FLEET_BUGS.filter(bug => bug.name === name)
  if (found.length > 0) return found
  const all = PLANTED_FLEET_BUGS.map(bug => bug.name).join(', ')
  throw new UserError(`no bug '${name}' can be planted, only ${all}`)
}
