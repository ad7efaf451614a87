import { hashUnit, hasInstall, parseUnit, UnitSyntaxError } from '#lib/fleet/unit/file.ts'
import { readRequirements } from '#lib/fleet/unit/requirements.ts'
import type { UnitStatus } from '../systemd/manager.ts'
import type { Held, Step } from './steps.ts'

/** States of systemd in which a unit has been started and nobody has stopped it. */
const RUNNING = new Set(['active', 'activating', 'reloading'])

/** What was remembered of a unit. */
export interface Remembered extends Held {
  /** It was about to be started, stopped or unloaded: nobody knows whether that was done. */
  isUnsure: boolean
}

/**
 * What the agent holds, as text for the file that outlives it.
 *
 * @param steps that are about to be done
 */
export function encodeMemory(held: ReadonlyMap<string, Held>, steps: readonly Step[] = []): string {
  const begun = new Set(steps.map(step => (step.type === 'reload' ? '' : step.name)))
  const unloads = new Set(steps.map(step => (step.type === 'unload' ? step.name : '')))
  const remembered = [...held.values()].map((entry): Remembered => {
    const { name } = entry
    // Of a unit that is let go of, be it only to be loaded anew, the link may be gone.
    return { ...entry, hash: unloads.has(name) ? '' : entry.hash, isUnsure: begun.has(name) }
  })
  return `${JSON.stringify(remembered)}\n`
}

/** Reads that text; what is not readable is as forgotten. */
export function decodeMemory(text: string | undefined): Map<string, Remembered> {
  const held = new Map<string, Remembered>()
  let entries: unknown
  try {
    entries = JSON.parse(text ?? '[]')
  } catch {
    return held // A machine that lost power in the moment of writing has no units any more either.
  }
  for (const entry of Array.isArray(entries) ? entries : [])
    if (isRemembered(entry)) held.set(entry.name, entry)
  return held
}

/**
 * What an agent holds that begins on a machine where another one has ended: the files in the directory, with what was
 * remembered of them. Of those nobody remembers for sure, systemd tells whether they run.
 */
export function adopt(
  files: ReadonlyMap<string, string>,
  remembered: ReadonlyMap<string, Remembered>,
  statuses: ReadonlyMap<string, UnitStatus>,
): Map<string, Held> {
  const held = new Map<string, Held>()
  for (const [name, text] of files) {
    const known = remembered.get(name)
    const status = statuses.get(name)
    const found = heldFromText(name, text, status)
    // A file that systemd was not told of is to be loaded. Another text than was remembered, too: nobody knows whether
    // systemd has read it, and runs it.
    const isLoaded = status?.load !== 'not-found' && (known === undefined || known.hash === found.hash)
    const state = known === undefined || known.isUnsure ? found.state : known.state
    held.set(name, { ...found, state, restart: known?.restart ?? '', hash: isLoaded ? found.hash : '' })
  }
  return held
}

function heldFromText(name: string, text: string, status: UnitStatus | undefined): Held {
  const state = RUNNING.has(status?.active ?? '') ? 'launched' : 'loaded'
  try {
    const options = parseUnit(text)
    const { isGlobal } = readRequirements(name, options)
    return { name, hash: hashUnit(options), state, hasInstall: hasInstall(options), isGlobal, restart: '' }
  } catch (error) {
    if (!(error instanceof UnitSyntaxError)) throw error
    // Half written by nobody of ours: it is to be replaced or taken away.
    return { name, hash: '', state, hasInstall: false, isGlobal: false, restart: '' }
  }
}

function isRemembered(entry: unknown): entry is Remembered {
  if (typeof entry !== 'object' || entry === null) return false
  const { name, hash, state, hasInstall, isGlobal, restart, isUnsure } = entry as Record<string, unknown>
  const areTexts = [name, hash, restart].every(value => typeof value === 'string')
  const areFlags = [hasInstall, isGlobal, isUnsure].every(value => typeof value === 'boolean')
  return areTexts && areFlags && (state === 'loaded' || state === 'launched')
}
