import { hashUnit, hasInstall, parseUnit, UnitSyntaxError } from '#lib/fleet/unit/file.ts'
import { readRequirements } from '#lib/fleet/unit/requirements.ts'
import type { UnitStatus } from '../systemd/manager.ts'
import type { Held } from './steps.ts'

/** States of systemd in which a unit has been started and has not ended. */
const RUNNING = new Set(['active', 'activating', 'reloading', 'deactivating'])

/** What the agent holds, as text for the file that outlives it. */
export function encodeMemory(held: ReadonlyMap<string, Held>): string {
  return `${JSON.stringify([...held.values()])}\n`
}

/** Reads that text; what is not readable is as forgotten. */
export function decodeMemory(text: string | undefined): Map<string, Held> {
  const held = new Map<string, Held>()
  let entries: unknown
  try {
    entries = JSON.parse(text ?? '[]')
  } catch {
    return held // A machine that lost power in the moment of writing has no units any more either.
  }
  for (const entry of Array.isArray(entries) ? entries : []) if (isHeld(entry)) held.set(entry.name, entry)
  return held
}

/**
 * What an agent holds that begins on a machine where another one has ended: the files in the directory, with what was
 * remembered of them. Of those nobody remembers, systemd tells whether they run.
 */
export function adopt(
  files: ReadonlyMap<string, string>,
  remembered: ReadonlyMap<string, Held>,
  statuses: ReadonlyMap<string, UnitStatus>,
): Map<string, Held> {
  const held = new Map<string, Held>()
  for (const [name, text] of files) {
    const known = remembered.get(name)
    const found = heldFromText(name, text, statuses.get(name))
    // Another text than was remembered: nobody knows whether systemd has read it, and runs it.
    const hash = known?.hash === found.hash ? found.hash : ''
    held.set(name, known === undefined ? found : { ...known, hash, hasInstall: found.hasInstall })
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

function isHeld(entry: unknown): entry is Held {
  if (typeof entry !== 'object' || entry === null) return false
  const { name, hash, state, hasInstall, isGlobal, restart } = entry as Record<string, unknown>
  const areTexts = [name, hash, restart].every(value => typeof value === 'string')
  const areFlags = [hasInstall, isGlobal].every(value => typeof value === 'boolean')
  return areTexts && areFlags && (state === 'loaded' || state === 'launched')
}
