import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Links, type Station } from './links.ts'
import { Member } from './member.ts'
import type { ServerProgram } from './programs.ts'
import { until } from './until.ts'

/** Those of the original. Every member has an address of its own, on which no outgoing connection can take a port. */
const CLIENT_PORT = 2379
const PEER_PORT = 2380
/** Addresses of a cluster in the last byte: members from 1 on, where others believe them to be from 129 on. */
const MEMBERS_MAX = 9
const ADVERTISED_FIRST = 129
/** Clusters that one process may have at the same time. */
const CLUSTERS_MAX = 12
/** With the slowest machine beside other work. */
const LEADER_TIMEOUT_MS = 20_000
const EXIT_INTERRUPTED = 130

/** How a cluster is made. */
export interface ClusterOptions {
  size: number
  program: ServerProgram
  /** For all members, after those that each one needs. */
  flags?: readonly string[]
}

const open = new Set<Cluster>()
const taken = new Set<number>()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(EXIT_INTERRUPTED))
process.on('exit', () => {
  for (const cluster of open) rmSync(cluster.folder, { recursive: true, force: true, maxRetries: 3 })
})

/** Some members on this machine, whose talk passes through this process. Its owner closes it, whatever happens. */
export class Cluster {
  readonly folder: string
  readonly members: readonly Member[]
  readonly links: Links
  readonly #number: number
  /** The leaders there were, as `TERM MEMBER`. */
  readonly #reigns = new Set<string>()

  private constructor(number: number, folder: string, members: readonly Member[], links: Links) {
    this.#number = number
    this.folder = folder
    this.members = members
    this.links = links
    open.add(this)
  }

  /** Starts all members and resolves when they have a leader and are healthy. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = await Cluster.prepare(options)
    try {
      await Promise.all(cluster.members.map(member => member.start()))
      await Promise.all(cluster.members.map(member => member.ready()))
      return cluster
    } catch (error) {
      const logs = cluster.members.map(member => `--- ${member.name}\n${member.log}`)
      await cluster.close()
      throw new Error(`no cluster: ${error instanceof Error ? error.message : error}\n${logs.join('\n')}`)
    }
  }

  /** Makes everything but the processes. */
  static async prepare({ size, program, flags = [] }: ClusterOptions): Promise<Cluster> {
    if (size > MEMBERS_MAX) throw new RangeError(`${size} members`)
    const number = takeNumber()
    const folder = await mkdtemp(join(tmpdir(), 'orlop-cluster-'))
    const numbers = Array.from({ length: size }, (_, at) => at)
    const addressOf = (at: number) => address(number, at + 1)
    const believedOf = (at: number) => address(number, at + ADVERTISED_FIRST)
    const initial = numbers.map(at => `m${at}=http://${believedOf(at)}:${PEER_PORT}`).join(',')
    const members = numbers.map(at => {
      const clientUrl = `http://${addressOf(at)}:${CLIENT_PORT}`
      const own = {
        name: `m${at}`,
        'data-dir': join(folder, `m${at}`, 'data'),
        'listen-client-urls': clientUrl,
        'advertise-client-urls': clientUrl,
        'listen-peer-urls': `http://${addressOf(at)}:${PEER_PORT}`,
        'initial-advertise-peer-urls': `http://${believedOf(at)}:${PEER_PORT}`,
        'initial-cluster': initial,
        'initial-cluster-token': folder,
      }
      const words = Object.entries(own).flatMap(([name, value]) => [`--${name}`, value])
      return new Member({
        name: own.name,
        folder: join(folder, own.name),
        clientUrl,
        flags: [...words, ...flags],
        program,
      })
    })
    const stations = numbers.map<Station>(at => ({
      advertised: believedOf(at),
      address: addressOf(at),
      port: PEER_PORT,
      pid: () => members[at]!.pid,
    }))
    for (const member of members) await mkdir(member.folder)
    return new Cluster(number, folder, members, await Links.open(stations))
  }

  get clientUrls(): string[] {
    return this.members.map(({ clientUrl }) => clientUrl)
  }

  /** Lives of members that ended although nobody wanted them to, with their logs. */
  get accidents(): string[] {
    return this.members.flatMap(({ accidents }) => accidents)
  }

  /** Leaders that were seen, one for each term that had one. */
  get reigns(): number {
    return this.#reigns.size
  }

  /** Who leads in the highest term, and knows it; or undefined. */
  async findLeader(): Promise<Member | undefined> {
    const asked = this.members.filter(({ isRunning }) => isRunning)
    const statuses = await Promise.all(asked.map(member => member.status().catch(() => undefined)))
    const term = Math.max(...statuses.map(status => status?.term ?? 0))
    // One that leads in an older term than others know leads no more.
    const at = statuses.findIndex((status, at) => status?.term === term && status.leader === asked[at]!.name)
    const found = asked[at]
    if (found !== undefined) this.#reigns.add(`${term} ${found.name}`)
    return found
  }

  async leader(timeoutMs: number = LEADER_TIMEOUT_MS): Promise<Member> {
    return await until('a leader', timeoutMs, () => this.findLeader())
  }

  /** The leader and the others. */
  async roles(): Promise<{ leader: Member; followers: Member[] }> {
    const leader = await this.leader()
    return { leader, followers: this.members.filter(member => member !== leader) }
  }

  /** Ends everything and removes it. */
  async close(): Promise<void> {
    await Promise.all(this.members.map(member => member.remove()))
    await this.links.close()
    await rm(this.folder, { recursive: true, force: true })
    open.delete(this)
    taken.delete(this.#number)
  }
}

function takeNumber(): number {
  for (let number = 0; number < CLUSTERS_MAX; number++) {
    if (taken.has(number)) continue
    taken.add(number)
    return number
  }
  throw new Error(`more than ${CLUSTERS_MAX} clusters`)
}

/** All of 127.0.0.0/8 is this machine; the process's number keeps tests beside one another apart. */
function address(cluster: number, last: number): string {
  const high = 16 + cluster * 16 + ((process.pid >> 8) & 15)
  return `127.${high}.${process.pid & 255}.${last}`
}
