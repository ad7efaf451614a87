import type { FlagSpec } from './flags.ts'

/** Lines of two columns, the second one aligned, each indented by three blanks. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `   ${left.padEnd(width)}  ${right}`)
}

/** Flags as two columns for the help: `--output value, -o value`, and what it is for with its default. */
export function describeFlags(specs: readonly FlagSpec[]): string[] {
  const rows = specs.filter(spec => spec.hidden !== true).map(spec => [namesOf(spec), usageOf(spec)] as const)
  return columns(rows)
}

function namesOf(spec: FlagSpec): string {
  const value = spec.type === 'bool' ? '' : ` ${spec.placeholder ?? 'value'}`
  return spec.names.map(name => `${name.length === 1 ? '-' : '--'}${name}${value}`).join(', ')
}

function usageOf(spec: FlagSpec): string {
  const numeric = spec.type === 'int' || spec.type === 'uint'
  const standard = spec.default ?? (numeric ? '0' : undefined)
  if (standard === undefined || spec.type === 'bool') return spec.usage
  return `${spec.usage} (default: ${spec.type === 'string' ? JSON.stringify(standard) : standard})`
}
