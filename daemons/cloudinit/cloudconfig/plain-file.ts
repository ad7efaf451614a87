import type { FileStep, Origin } from '../plan/plan.ts'

/** A file of root for all to read. */
export function plainFile(path: string, text: string, origin: Origin): FileStep {
  const content = { kind: 'inline', bytes: Buffer.from(text, 'utf8') } as const
  return { kind: 'file', path, content, append: [], mode: 0o644, overwrite: true, origin }
}
