import { ask, filesBelow, type JsonAnswer, type JsonNode } from './ask.ts'
import type { Member } from './member.ts'
import { until } from './until.ts'
import type { Promised } from './writers.ts'

/** For one directory, beside other work. */
const READ_TIMEOUT_MS = 20_000
const CAUGHT_UP_TIMEOUT_MS = 30_000
/** Problems that are shown. */
const PROBLEMS_MAX = 10

/** What should be there. */
export interface Kept {
  promised: ReadonlyMap<string, Promised>
  /** Keys that may be there or not. */
  unknown: ReadonlySet<string>
  folders: ReadonlySet<string>
}

/** Resolves when a member has applied what every other one has at this moment. */
export async function caughtUp(member: Member, others: readonly Member[]): Promise<void> {
  const statuses = await Promise.all(others.map(other => other.status()))
  const index = Math.max(...statuses.map(({ storeIndex }) => storeIndex))
  await until(`${member.name} to have applied ${index}`, CAUGHT_UP_TIMEOUT_MS, async () => {
    return (await member.status()).storeIndex >= index
  })
}

/**
 * Reads everything that was acknowledged back from one member.
 *
 * @param quorum whether the member has to ask the others
 * @returns what is missing, other than promised, or there without anybody having sent it
 */
export async function readBack(member: Member, kept: Kept, quorum: boolean): Promise<string[]> {
  const files = new Map<string, JsonNode>()
  for (const folder of kept.folders) {
    const path = `/v2/keys${folder}?recursive=true&quorum=${quorum}`
    const { status, text } = await ask(member.clientUrl, { path, timeoutMs: READ_TIMEOUT_MS })
    // Nothing of it may have arrived.
    if (status === 404) continue
    if (status !== 200) return [`${member.name} answers ${status} ${text} to GET ${path}`]
    const { node } = JSON.parse(text) as JsonAnswer
    if (node !== undefined) filesBelow(node, files)
  }
  const problems: string[] = []
  for (const [key, { value, index }] of kept.promised) {
    const file = files.get(key)
    if (file === undefined) problems.push(`${key} was acknowledged at ${index} and is lost`)
    else if (file.value !== value) problems.push(`${key} holds ${file.value} instead of ${value}`)
    else if (file.modifiedIndex !== index)
      problems.push(`${key} was acknowledged at ${index} and is of ${file.modifiedIndex}: written twice`)
  }
  for (const key of files.keys())
    if (!kept.promised.has(key) && !kept.unknown.has(key))
      problems.push(`${key} is there and was refused or never sent`)
  return problems.slice(0, PROBLEMS_MAX).map(problem => `${member.name}: ${problem}`)
}
