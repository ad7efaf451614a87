import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessFacts } from '../metrics.ts'
import type { VariableFacts } from '../variables.ts'

const MICROSECONDS = 1e6
const MS = 1000

/** What the kernel tells of this process. */
export function processFacts(): ProcessFacts {
  const { user, system } = process.cpuUsage()
  const { rss } = process.memoryUsage()
  return {
    cpuSeconds: (user + system) / MICROSECONDS,
    residentBytes: rss,
    virtualBytes: kilobytes('/proc/self/status', /^VmSize:\s+(\d+) kB$/m),
    startedAtSeconds: Math.round(Date.now() / MS - process.uptime()),
    openFiles: attempt(() => readdirSync('/proc/self/fd').length),
    openFilesMax: attempt(() => numberIn('/proc/self/limits', /^Max open files\s+(\d+)/m)),
  }
}

/** What `/debug/vars` tells of this process. */
export function variableFacts(): VariableFacts {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  return {
    commandLine: process.argv,
    openFilesMax: processFacts().openFilesMax,
    memory: { residentBytes: rss, heapBytes: heapTotal, heapUsedBytes: heapUsed, externalBytes: external },
  }
}

function kilobytes(path: string, pattern: RegExp): number | undefined {
  const value = attempt(() => numberIn(path, pattern))
  return value === undefined ? undefined : value * 1024
}

function numberIn(path: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(readFileSync(path, 'utf8'))
  return found === null ? undefined : Number(found[1])
}

/** What cannot be told is left out of the text. */
function attempt(read: () => number | undefined): number | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
