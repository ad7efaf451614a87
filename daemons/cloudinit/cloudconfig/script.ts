import type { ScriptStep } from '../plan/plan.ts'
import type { Substitutes } from '../plan/report.ts'
import { substitute } from './substitute.ts'

/** The step of user data that is a script. */
export function compileScript(text: string, substitutes: Substitutes): ScriptStep {
  const content = Buffer.from(substitute(text, substitutes).text, 'utf8')
  return { kind: 'script', content, origin: { path: '', line: 1, column: 1 } }
}
