import type { MemberService } from '../member/service.ts'
import type { MemberProgress } from '../raft/raft.ts'
import { STATES } from './statistics.ts'

/** What a program knows of its memory, in bytes. */
export interface MemoryFacts {
  residentBytes: number
  heapBytes: number
  heapUsedBytes: number
  /** Outside of the heap: buffers. */
  externalBytes: number
}

/** What `/debug/vars` tells of the process. */
export interface VariableFacts {
  commandLine: readonly string[]
  openFilesMax: number | undefined
  memory: MemoryFacts
}

const PROGRESS = {
  probe: 'ProgressStateProbe',
  replicate: 'ProgressStateReplicate',
  snapshot: 'ProgressStateSnapshot',
} as const satisfies Record<MemberProgress['state'], string>

/**
 * `/debug/vars` as Go's expvar writes it: a line for each variable. Of `memstats` those that mean something here, by the
 * names that tools look for.
 */
export function renderVariables(service: MemberService, facts: VariableFacts): string {
  const { residentBytes, heapBytes, heapUsedBytes, externalBytes } = facts.memory
  const memory = {
    Alloc: heapUsedBytes + externalBytes,
    Sys: residentBytes,
    HeapAlloc: heapUsedBytes,
    HeapSys: heapBytes,
    HeapIdle: heapBytes - heapUsedBytes,
    HeapInuse: heapUsedBytes,
  }
  const variables: [name: string, value: unknown][] = [
    ['cmdline', facts.commandLine],
    ['file_descriptor_limit', facts.openFilesMax ?? 0],
    ['memstats', memory],
    ['raft.status', raftStatus(service)],
  ]
  return `{\n${variables.map(([name, value]) => `"${name}": ${JSON.stringify(value)}`).join(',\n')}\n}\n`
}

function raftStatus(service: MemberService): unknown {
  const progress = service.progress().map(({ id, match, next, state }) => {
    // A leader has all that it has.
    const name = id === service.id ? PROGRESS.replicate : PROGRESS[state]
    return [id, { match, next, state: name }] as const
  })
  return {
    id: service.id,
    term: service.term,
    vote: service.vote === '' ? '0' : service.vote,
    commit: service.committedIndex,
    lead: service.leader === '' ? '0' : service.leader,
    raftState: STATES[service.role],
    applied: service.appliedIndex,
    progress: Object.fromEntries(progress),
    leadtransferee: '0',
  }
}
