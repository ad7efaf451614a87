import { InvariantError } from '../assert.ts'
import { type ChangeKind, foundingLog } from '../membership.ts'
import type { Message } from '../message.ts'
import { PLANTED_BUGS, type PlantedBug } from '../planted.ts'
import { READ_LOST } from '../reads.ts'
import { type Settings, settingsFrom } from '../settings.ts'
import type { Entry, MemberId, SnapshotMeta } from '../types.ts'
import { describeConfiguration, describeEntry, describeMessage, describeState } from './describe.ts'
import { Peer, type PeerDisk, type PeerEvents } from './peer.ts'

const NO_DATA = new Uint8Array(0)
/** What the network of a script holds at most; more is a storm. */
const DELIVERIES_MAX = 10_000

/**
 * Members that a script leads step by step. A script has one command a line; what comes of it is printed below,
 * indented. `#` begins a comment. An arrow such as `1→2` names what is under way from 1 to 2.
 *
 * | command | |
 * |---|---|
 * | `set preVote off`, `set inflightMessagesMax 2` | settings of the members that follow |
 * | `plant commitOldTerm` | a planted bug in them |
 * | `nodes 1 2 3 learners 4` | a fresh cluster |
 * | `found 1 2 3` | a fresh cluster that has its members in the log, so that others may join |
 * | `node 1 of 1 2 3 log 1 1 2 term 3 vote 2 commit 1` | one member with a past: the terms of its entries |
 * | `campaign 1`, `tick 1 10` | |
 * | `propose 1 x y`, `change 1 addLearner 4`, `transfer 1 2`, `read 1 7` | |
 * | `deliver`, `deliver 1→2`, `deliver 1→2 1` | all until nothing moves; what is under way there; so many of it |
 * | `drop`, `drop 1→2`, `cut 1`, `cut 1→2`, `heal` | lose what is under way; lose all from now on |
 * | `slow 1`, `write 1`, `write 1 2` | writes wait; all are durable now; the first two |
 * | `crash 1`, `start 1` | |
 * | `snapshot 1`, `compact 1 4`, `sent 1 4 ok`, `sent 1 4 failed`, `unreachable 1 2` | |
 * | `state`, `state 1 2`, `members 1`, `queue` | |
 */
export class Script implements PeerEvents {
  #settings: Partial<Settings> = {}
  readonly #planted = new Set<PlantedBug>()
  readonly #peers = new Map<MemberId, Peer>()
  readonly #snapshots = new Map<MemberId, SnapshotMeta>()
  #queue: Message[] = []
  readonly #cuts = new Set<string>()
  #printed: string[] = []

  /** Runs one line; what it printed. */
  run(line: string): string[] {
    this.#printed = []
    const [name = '', ...words] = line.trim().split(/\s+/)
    const command = this.#commands[name]
    if (command === undefined) throw new Error(`no command ${name}`)
    try {
      command(words)
      for (const peer of this.#peers.values()) peer.pump()
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error
      this.#print(`broken: ${error.message}`)
    }
    return this.#printed
  }

  readonly #commands: Record<string, (words: string[]) => void> = {
    set: ([name = '', value = '']) => {
      const parsed = value === 'on' || value === 'off' ? value === 'on' : Number(value)
      this.#settings = { ...this.#settings, [name]: parsed }
      settingsFrom(this.#settings)
    },
    plant: ([bug]) => {
      const known = PLANTED_BUGS.find(name => name === bug)
      if (known === undefined) throw new Error(`no bug ${bug}`)
      this.#planted.add(known)
    },
    nodes: words => {
      const { '': voters = [], learners = [] } = sections(words, ['learners'])
      for (const id of [...voters, ...learners]) this.#add(id, { voters, learners }, [])
    },
    found: ids => {
      const { hardState, entries } = foundingLog(ids.map(member => ({ member, context: NO_DATA })))
      for (const id of ids) {
        const disk = this.#add(id, { voters: [], learners: [] }, [])
        disk.hardState = hardState
        disk.entries = [...entries]
        this.#peer(id).start()
      }
    },
    node: ([id = '', ...words]) => {
      const parts = sections(words, ['of', 'learners', 'log', 'term', 'vote', 'commit'])
      const configuration = { voters: parts['of'] ?? [], learners: parts['learners'] ?? [] }
      const terms = (parts['log'] ?? []).map(Number)
      const disk = this.#add(id, configuration, terms)
      const number = (name: string): number | undefined => parts[name] && Number(parts[name][0])
      disk.hardState = {
        term: number('term') ?? terms.at(-1) ?? 0,
        vote: parts['vote']?.[0] ?? '',
        commit: number('commit') ?? 0,
      }
      this.#peer(id).start()
    },
    campaign: ([id]) => {
      if (!this.#raft(id).campaign()) this.#print(`${id} may not campaign`)
    },
    tick: ([id, count = '1']) => {
      const ids = id === 'all' ? [...this.#peers.keys()] : [id]
      for (let left = Number(count); left > 0; left--) {
        for (const each of ids) {
          this.#raft(each).tick()
          this.#peer(each).pump()
        }
      }
    },
    propose: ([id, ...data]) => {
      for (const text of data) {
        const became = this.#raft(id).propose(new TextEncoder().encode(text))
        if (became !== 'appended' && became !== 'forwarded') this.#print(`"${text}": ${became}`)
      }
    },
    change: ([id, kind, member = '']) => {
      const change = { kind: kind as ChangeKind, member, context: NO_DATA }
      const became = this.#raft(id).proposeChange(change)
      if (became !== 'appended' && became !== 'forwarded') this.#print(became)
    },
    transfer: ([id, to = '']) => this.#print(this.#raft(id).transfer(to)),
    read: ([id, context]) => {
      const taken = this.#raft(id).readIndex(Number(context))
      if (taken !== 'taken') this.#print(taken)
    },
    deliver: ([arrow, count]) => this.#deliver(arrow, count === undefined ? undefined : Number(count)),
    drop: ([arrow]) => {
      const gone = this.#queue.filter(message => arrow === undefined || arrowOf(message) === arrow)
      this.#queue = this.#queue.filter(message => !gone.includes(message))
      for (const message of gone) this.#print(`lost: ${describeMessage(message)}`)
    },
    cut: ([where = '']) => void this.#cuts.add(where),
    heal: () => this.#cuts.clear(),
    slow: ([id]) => {
      this.#peer(id).slow = true
    },
    write: ([id, count]) =>
      this.#peer(id).write(count === undefined ? Number.POSITIVE_INFINITY : Number(count)),
    crash: ([id]) => this.#peer(id).crash(),
    start: ([id]) => this.#peer(id).start(),
    snapshot: ([id = '']) => {
      const meta = this.#peer(id).snapshot()
      this.#snapshots.set(id, meta)
      this.#print(
        `${id} has a snapshot ${meta.index}@${meta.term} of ${describeConfiguration(meta.configuration)}`,
      )
    },
    compact: ([id = '', index]) => this.#peer(id).compact(this.#snapshots.get(id)!, Number(index)),
    sent: ([id, to = '', how]) => this.#raft(id).snapshotSent(to, how === 'ok'),
    unreachable: ([id, to = '']) => this.#raft(id).unreachable(to),
    state: ids => {
      for (const id of ids.length === 0 ? this.#peers.keys() : ids) {
        const { raft } = this.#peer(id)
        this.#print(raft === undefined ? `${id}: down` : describeState(raft))
      }
    },
    members: ([id]) => {
      const raft = this.#raft(id)
      this.#print(describeConfiguration(raft.configuration))
      for (const member of raft.members()) {
        if (member.id === id) continue
        this.#print(`${member.id}: ${member.state}, match ${member.match}, next ${member.next}`)
      }
    },
    queue: () => {
      for (const message of this.#queue) this.#print(describeMessage(message))
    },
  }

  #add(id: MemberId, configuration: PeerDisk['configuration'], terms: readonly number[]): PeerDisk {
    const entries = terms.map((term, at): Entry => ({ term, index: at + 1, type: 'normal', data: NO_DATA }))
    const hardState = { term: 0, vote: '', commit: 0 }
    const disk: PeerDisk = { hardState, snapshot: undefined, configuration, entries }
    // Every timeout is the shortest: a script says itself when time passes.
    const options = { random: () => 0, settings: this.#settings, planted: new Set(this.#planted) }
    const peer = new Peer(id, disk, options, this)
    this.#peers.set(id, peer)
    peer.start()
    return disk
  }

  #peer(id: string | undefined): Peer {
    const peer = this.#peers.get(id ?? '')
    if (peer === undefined) throw new Error(`no node ${id}`)
    return peer
  }

  #raft(id: string | undefined): NonNullable<Peer['raft']> {
    const { raft } = this.#peer(id)
    if (raft === undefined) throw new Error(`node ${id} is down`)
    return raft
  }

  #deliver(arrow: string | undefined, count: number | undefined): void {
    if (arrow === undefined) {
      for (let left = DELIVERIES_MAX; this.#queue.length > 0; left--) {
        if (left === 0) throw new Error('the messages do not come to an end')
        this.#hand(this.#queue.shift()!)
      }
      return
    }
    for (const message of this.#queue.filter(each => arrowOf(each) === arrow).slice(0, count)) {
      this.#queue.splice(this.#queue.indexOf(message), 1)
      this.#hand(message)
    }
  }

  #hand(message: Message): void {
    const peer = this.#peers.get(message.to)
    if (peer?.raft === undefined) {
      this.#print(`lost: ${describeMessage(message)}`)
      return
    }
    this.#print(describeMessage(message))
    peer.raft.step(message)
    peer.pump()
  }

  #print(line: string): void {
    this.#printed.push(line)
  }

  sends(message: Message): void {
    const lost = [message.from, message.to, arrowOf(message)].some(where => this.#cuts.has(where))
    if (lost) this.#print(`lost: ${describeMessage(message)}`)
    else this.#queue.push(message)
  }

  takes(): void {}

  applies(peer: Peer, entry: Entry, refused: string | undefined): void {
    const what = `${describeEntry(entry)}${refused === undefined ? '' : ` (${refused})`}`
    const head = `${peer.id} applies `
    const before = this.#printed.at(-1)
    if (before?.startsWith(head)) this.#printed[this.#printed.length - 1] = `${before}, ${what}`
    else this.#print(head + what)
  }

  installs(peer: Peer, { index, term, configuration }: SnapshotMeta): void {
    this.#print(`${peer.id} installs ${index}@${term} of ${describeConfiguration(configuration)}`)
  }

  reads(peer: Peer, { context, index }: { context: number; index: number }): void {
    this.#print(`${peer.id} reads ${context}: ${index === READ_LOST ? 'lost' : `at ${index}`}`)
  }

  changesRole({ id }: Peer, { role, term, leader }: NonNullable<Peer['raft']>): void {
    if (role === 'leader') this.#print(`${id} leads term ${term}`)
    else if (role === 'follower')
      this.#print(`${id} follows ${leader === '' ? 'nobody' : leader} in term ${term}`)
    else this.#print(`${id} is ${role} in term ${term}`)
  }
}

function arrowOf({ from, to }: Message): string {
  return `${from}→${to}`
}

/** The words behind each of the names, and under '' those before the first. */
function sections(words: readonly string[], names: readonly string[]): Record<string, string[]> {
  const parts: Record<string, string[]> = {}
  let name = ''
  for (const word of words) {
    if (names.includes(word)) name = word
    else parts[name] = [...(parts[name] ?? []), word]
  }
  return parts
}

/** Runs a whole script; the script with what it prints now, for comparison with what it holds. */
export function runScript(source: string): string {
  const script = new Script()
  const out: string[] = []
  for (const line of source.split('\n')) {
    if (line.startsWith('  ')) continue
    out.push(line)
    if (line.trim() === '' || line.startsWith('#')) continue
    for (const printed of script.run(line)) out.push(`  ${printed}`)
  }
  return out.join('\n')
}
