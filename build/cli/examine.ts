import { Cache } from '../cache/cache.ts'
import { findMirrors } from '../deb/host/apt.ts'
import { readLock } from '../deb/host/repository.ts'
import { type DiskDiff, diffDisks } from '../disk/diff.ts'
import { type DiskInfo, inspectDisk } from '../disk/inspect.ts'
import { verifyDisk } from '../disk/verify.ts'
import { Tools } from '../tools/tools.ts'
import type { CliContext, Command, Flag } from './command.ts'
import { formatBytes } from './terminal.ts'

const JSON_FLAG: Record<string, Flag> = { json: { type: 'boolean', help: 'the answer as JSON' } }

/** The tools that look into images are those that make them. */
async function openTools(context: CliContext): Promise<Tools> {
  const { progress, signal } = context
  return await Tools.open(await readLock(context.root), {
    cache: await Cache.open(),
    mirrors: findMirrors,
    progress,
    signal,
  })
}

/** `orlop inspect`. */
export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'show what an image holds',
  usage: 'IMAGE [--json]',
  flags: JSON_FLAG,
  operands: { min: 1, max: 1 },
  examples: [['npm run orlop -- inspect out/orlop-0.1.0.raw', 'partitions, slots, versions, root hashes']],
  async run(parsed, context) {
    const info = await inspectDisk(parsed.operands[0]!, await openTools(context))
    if (parsed.set('json')) context.print(JSON.stringify(info))
    else for (const line of infoLines(info)) context.print(line)
    return 0
  },
}

function infoLines(info: DiskInfo): string[] {
  const lines = [`disk ${info.diskUuid}, ${formatBytes(info.size)}`]
  for (const part of info.partitions) {
    lines.push(
      `  ${part.label.padEnd(8)} ${formatBytes(part.size).padStart(10)} at ${String(part.offset).padStart(11)}  ${part.uuid}`,
    )
  }
  for (const name of ['a', 'b'] as const) {
    const slot = info.slots[name]
    const state = info.state?.[name]
    const standing = state ? `, tries ${state.tries}, ${state.good ? 'good' : 'not proved yet'}` : ''
    if (slot === undefined) lines.push(`slot ${name}: empty`)
    else {
      lines.push(
        `slot ${name}: version ${slot.version}${standing}, ${formatBytes(slot.used)} of ${formatBytes(slot.available)}`,
      )
      lines.push(`  root hash ${slot.verity.rootHash}`)
    }
  }
  return [...lines, ...info.warnings.map(warning => `warning: ${warning}`)]
}

/** `orlop verify`. */
export const verifyCommand: Command = {
  name: 'verify',
  summary: 'recompute every hash and check every file system of an image',
  usage: 'IMAGE [--json]',
  flags: JSON_FLAG,
  operands: { min: 1, max: 1 },
  examples: [
    ['npm run orlop -- verify out/orlop-0.1.0.raw', 'exit status 1 when a single bit of a slot is wrong'],
  ],
  async run(parsed, context) {
    const checks = await verifyDisk(parsed.operands[0]!, await openTools(context))
    const broken = checks.filter(check => check.problem !== undefined)
    if (parsed.set('json')) context.print(JSON.stringify({ ok: broken.length === 0, checks }))
    else
      for (const check of checks)
        context.print(
          `${check.problem === undefined ? 'ok    ' : 'BROKEN'} ${check.name}${check.problem === undefined ? '' : `: ${check.problem}`}`,
        )
    return broken.length === 0 ? 0 : 1
  },
}

/** `orlop diff`. */
export const diffCommand: Command = {
  name: 'diff',
  summary: 'show what differs between two images',
  usage: 'A B [--json]',
  flags: JSON_FLAG,
  operands: { min: 2, max: 2 },
  examples: [
    [
      'npm run orlop -- diff old.raw out/orlop-0.1.0.raw',
      'by partition, and by file in the roots; exit status 1 when they differ',
    ],
  ],
  async run(parsed, context) {
    const [a, b] = parsed.operands
    const diff = await diffDisks(a!, b!, await openTools(context))
    if (parsed.set('json')) context.print(JSON.stringify(diff))
    else for (const line of diffLines(diff)) context.print(line)
    return diff.identical ? 0 : 1
  },
}

function diffLines(diff: DiskDiff): string[] {
  if (diff.identical) return ['identical']
  const lines = diff.partitions.map(part => {
    const amount = part.change === 'differs' ? `, ${part.differingBytes} bytes` : ''
    return `${part.label.padEnd(8)} ${part.change}${amount}`
  })
  for (const root of diff.roots) {
    lines.push(`root ${root.slot}: ${root.files.length} files`)
    for (const file of root.files) lines.push(`  ${file.change.padEnd(8)} ${file.path}`)
  }
  return lines
}
