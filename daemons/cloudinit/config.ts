import type { Locals } from './butane/local.ts'
import { type CloudConfigOptions, compileCloudConfig } from './cloudconfig/compile.ts'
import { sniff } from './cloudconfig/format.ts'
import { compileScript } from './cloudconfig/script.ts'
import { substitute } from './cloudconfig/substitute.ts'
import { compileIgnition } from './ignition/compile.ts'
import type { Plan, Remote } from './plan/plan.ts'
import type { Finding, Format } from './plan/report.ts'

/** A configuration, whatever its language, after it was read. */
export interface Compiled {
  format: Format
  plan: Plan
  findings: Finding[]
  /** Whether it is for the first start only. */
  once: boolean
  /** Further configurations that it consists of (Ignition's merge and replace). */
  references: Remote[]
}

/** What a configuration consists of beside its own text. */
export interface Beside {
  /** Further configurations, by their URL. */
  fetched?: ReadonlyMap<string, Uint8Array>
  /** Files that a Butane configuration may name; without, it is an error to name any. */
  locals?: Locals | undefined
}

/** Reads a configuration in any of the languages: an empty one has an empty plan, one of no language an error. */
export function compileConfig(
  bytes: Uint8Array,
  options: CloudConfigOptions,
  { fetched = new Map(), locals }: Beside = {},
): Compiled {
  const { format, text } = sniff(bytes)
  const nothing = { format, plan: { steps: [] }, findings: [], once: false, references: [] }
  switch (format) {
    case 'empty':
      return nothing
    case 'script':
      return { ...nothing, plan: { steps: [compileScript(text, options.substitutes)] } }
    case 'cloud-config':
      return { ...nothing, ...compileCloudConfig(text, options) }
    case 'ignition':
    case 'butane':
      return {
        ...nothing,
        ...compileIgnition(substitute(text, options.substitutes).text, format, fetched, locals),
        once: true,
      }
    case 'unknown':
      return { ...nothing, findings: [UNKNOWN] }
  }
}

const UNKNOWN: Finding = {
  severity: 'error',
  message:
    'must be "#cloud-config" or begin with "#!", or be Ignition (JSON) or Butane (variant: and version:)',
  path: '',
  line: 1,
  column: 1,
}
