import type { Source } from './sources.ts'

// Parts are joined here, so that this file passes its own rules.
const KEY_BLOCK = new RegExp(`BEGIN [A-Z0-9 ]*${'PRIVATE'} KEY`)
/** Folders of a machine that somebody works on; `/home/core` and `/root` are places in the guest. */
const MACHINE_PATH = /(?<![\w.$}/-])\/(work\/(main|shared)|home\/(?!core\b|\*)[a-z][\w-]*\/|Users\/\w+\/)/

/** Key blocks, in what is shipped and everywhere else: tests make their keys when they run. */
export function checkSecrets(sources: readonly Source[]): string[] {
  return sources.filter(({ text }) => KEY_BLOCK.test(text)).map(({ path }) => `${path} holds a private key`)
}

/**
 * Names that belong to one machine: its package sources, its folders.
 *
 * @param hosts the hosts that this machine gets packages from; the repository must not know them
 */
export function checkPlaces(sources: readonly Source[], hosts: readonly string[]): string[] {
  const problems: string[] = []
  for (const { path, text } of sources) {
    for (const [index, line] of text.split('\n').entries()) {
      const host = hosts.find(name => line.includes(name))
      if (host !== undefined) problems.push(`${path}:${index + 1} names the package source ${host}`)
      const place = MACHINE_PATH.exec(line)?.[0]
      if (place !== undefined) problems.push(`${path}:${index + 1} names ${place}, a folder of one machine`)
    }
  }
  return problems
}

/** JSON that does not parse, in what the build reads. */
export function checkJson(sources: readonly Source[]): string[] {
  const problems: string[] = []
  for (const { path, text } of sources) {
    if (!path.endsWith('.json') || path.startsWith('test/')) continue
    try {
      JSON.parse(text)
    } catch (error) {
      problems.push(`${path}: ${error instanceof Error ? error.message : error}`)
    }
  }
  return problems
}
