import { isTargetState, type TargetState, type UnitOption } from '../model.ts'
import { parseUnit, UnitSyntaxError } from '../unit/file.ts'
import { type Requirements, readRequirements } from '../unit/requirements.ts'
import { decodeJob, decodeRestart, type RestartDemand } from './codec.ts'

/** A unit in the registry. */
export interface Job {
  name: string
  /** Of its text. */
  hash: string
  options: readonly UnitOption[]
  requirements: Requirements
  desired: TargetState
  /** Machine it is placed on. */
  target: string | undefined
  /** Machine whose agent says that it has launched it. */
  heartbeat: string | undefined
  restart: RestartDemand | undefined
  /** Why the engine could not place it; `''` when it could, or has not tried. */
  problem: string
}

/** A unit that cannot be read: nobody starts it, and nobody stops it for that. */
export interface BrokenJob {
  name: string
  /** One sentence. */
  reason: string
  target: string | undefined
}

/** The text of a unit, read. */
export interface ParsedText {
  hash: string
  options: readonly UnitOption[]
  requirements: Requirements
}

/** Whether a unit is one that cannot be read. */
export function isBroken(job: Job | BrokenJob): job is BrokenJob {
  return 'reason' in job
}

/** Hash of a job's text by the files of the job; undefined where there is none that can be read. */
export function hashOfJob(files: ReadonlyMap<string, string>): string | undefined {
  const object = files.get('object')
  return object === undefined ? undefined : decodeJob(object)
}

/**
 * A unit by the files below `job/NAME`; undefined when it is none.
 *
 * @param read gives the text of a hash, or why there is none in one sentence
 */
export function readJob(
  name: string,
  files: ReadonlyMap<string, string>,
  read: (hash: string) => ParsedText | string,
): Job | BrokenJob | undefined {
  if (!files.has('object')) return undefined
  const target = files.get('target')
  const desired = files.get('target-state') ?? 'inactive'
  const hash = hashOfJob(files)
  const parsed = hash === undefined ? 'its object is not readable' : read(hash)
  if (typeof parsed === 'string') return { name, reason: parsed, target }
  if (!isTargetState(desired))
    return { name, reason: `target-state ${JSON.stringify(desired)} is none`, target }
  const restart = files.get('restart')
  return {
    name,
    ...parsed,
    desired,
    target,
    heartbeat: files.get('job-state'),
    restart: restart === undefined ? undefined : decodeRestart(restart),
    problem: files.get('problem') ?? '',
  }
}

/** Reads a text that the registry has under a hash; a sentence when it has none, or no unit. */
export function parseText(name: string, hash: string, text: string | undefined): ParsedText | string {
  if (text === undefined) return `the text ${hash} is not in the registry`
  try {
    const options = parseUnit(text)
    return { hash, options, requirements: readRequirements(name, options) }
  } catch (error) {
    if (!(error instanceof UnitSyntaxError)) throw error
    return error.message
  }
}
