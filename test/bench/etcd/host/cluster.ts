import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Member } from '../../../cluster/lib/member.ts'
import type { ServerProgram } from '../../../cluster/lib/programs.ts'
import { until } from '../../../cluster/lib/until.ts'
import { freePort } from './stage.ts'

const LEADER_TIMEOUT_MS = 30_000
const END_TIMEOUT_MS = 20_000

/** Members on 127.0.0.1 who speak with one another directly, with the settings that nobody has changed. */
export class BenchCluster {
  readonly members: readonly Member[]
  readonly #folder: string

  private constructor(folder: string, members: readonly Member[]) {
    this.#folder = folder
    this.members = members
  }

  /**
   * Starts a cluster with nothing in it; resolves when it has a leader whom all know.
   *
   * @param folder is made, and removed by `close`
   */
  static async start(program: ServerProgram, size: number, folder: string): Promise<BenchCluster> {
    const places = await Promise.all(Array.from({ length: size }, (_, at) => placeOf(`m${at}`)))
    const initial = places.map(({ name, peer }) => `${name}=${peer}`).join(',')
    const members = places.map(({ name, client, peer }) => {
      const flags = {
        name,
        'data-dir': join(folder, name, 'data'),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'initial-cluster': initial,
        'initial-cluster-token': folder,
      }
      const words = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])
      return new Member({ name, folder: join(folder, name), clientUrl: client, flags: words, program })
    })
    for (const member of members) await mkdir(member.folder, { recursive: true })
    const cluster = new BenchCluster(folder, members)
    await Promise.all(members.map(member => member.start()))
    await Promise.all(members.map(member => member.ready()))
    await cluster.leader()
    return cluster
  }

  /** Who leads, when all who run say the same. */
  async leader(): Promise<Member> {
    return await until('a leader whom all know', LEADER_TIMEOUT_MS, async () => {
      const running = this.members.filter(({ isRunning }) => isRunning)
      const statuses = await Promise.all(running.map(member => member.status()))
      const name = statuses[0]?.leader
      if (name === '' || statuses.some(({ leader }) => leader !== name)) return undefined
      return running.find(member => member.name === name)
    })
  }

  /** Somebody who runs and does not lead. */
  async follower(): Promise<Member> {
    const leader = await this.leader()
    const found = this.members.find(member => member.isRunning && member !== leader)
    if (found === undefined) throw new Error('nobody follows')
    return found
  }

  /** The only member of a cluster of one. */
  get only(): Member {
    const [member, ...others] = this.members
    if (member === undefined || others.length > 0) throw new Error(`${this.members.length} members`)
    return member
  }

  /** Asks the only member to end, waits until it has, and starts it again; it is not ready yet. */
  async restart(): Promise<{ startedAt: number }> {
    await this.only.terminate(END_TIMEOUT_MS)
    const startedAt = performance.now()
    await this.only.start()
    return { startedAt }
  }

  /** Ends everything and removes it. */
  async close(): Promise<void> {
    await Promise.all(this.members.map(member => member.remove()))
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function placeOf(name: string): Promise<{ name: string; client: string; peer: string }> {
  return {
    name,
    client: `http://127.0.0.1:${await freePort()}`,
    peer: `http://127.0.0.1:${await freePort()}`,
  }
}
