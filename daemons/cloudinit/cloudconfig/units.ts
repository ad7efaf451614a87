import type { CommandStep, Origin, UnitStep, Verb } from '../plan/plan.ts'
import { shown } from '../source/shown.ts'
import type { Findings } from './findings.ts'
import { whyGone } from './gone.ts'
import { checkUnitFile, hasInstall } from './unitfile.ts'
import type { View } from './view.ts'

/** Units, and what is told to them after all of them were written. */
export interface UnitSteps {
  units: UnitStep[]
  commands: CommandStep[]
}

const SUFFIX =
  /\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope|network|netdev|link)$/
const NETWORK_SUFFIX = /\.(network|netdev|link)$/
const NAME = /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?$/
/** Of the names of systemd (UNIT_NAME_MAX). */
const NAME_LENGTH_MAX = 255
const TEMPLATE = /@\.[a-z]+$/
const DROP_IN = /^[^/]+\.conf$/

/** The steps of `coreos.units`, in its order. */
export function compileUnits(units: readonly View[], findings: Findings): UnitSteps {
  const steps: UnitSteps = { units: [], commands: [] }
  const names = new Map<string, Origin>()
  for (const unit of units) {
    const name = nameOf(unit, findings)
    if (name === undefined) continue
    const before = names.get(name)
    if (before !== undefined)
      findings.warning(unit.at('name'), `unit ${name} is there already in line ${before.line}`)
    names.set(name, before ?? unit.at('name'))
    checkContent(unit, name, findings)
    // A unit that is not there, and is not brought along, can not be told anything.
    const gone = unit.has('content') ? undefined : whyGone(name)
    if (gone !== undefined) findings.warning(unit.at('name'), `${name}: ${gone}`)
    steps.units.push(compileUnit(unit, name, gone === undefined))
    const command = unit.line('command')
    if (command === undefined || gone !== undefined) continue
    if (TEMPLATE.test(name))
      findings.warning(
        unit.at('command'),
        `${name} is a template: only an instance of it can be told to ${command}`,
      )
    steps.commands.push({ kind: 'command', unit: name, verb: command as Verb, origin: unit.at('command') })
  }
  return steps
}

function nameOf(unit: View, findings: Findings): string | undefined {
  const name = unit.line('name')
  if (name === undefined) {
    findings.error(unit.origin, 'a unit needs a name')
    return undefined
  }
  const isName = SUFFIX.test(name) && NAME.test(name.replace(SUFFIX, '')) && name.length <= NAME_LENGTH_MAX
  if (!isName) findings.error(unit.at('name'), `'${shown(name)}' is no name of a unit, such as hello.service`)
  return name
}

function compileUnit(unit: View, name: string, isThere: boolean): UnitStep {
  const content = unit.text('content')
  const runtime = unit.flag('runtime') === true
  // What masks in /run is taken away when it is not asked for any more, as in the original.
  const mask = unit.flag('mask') === true ? true : runtime && content === undefined ? false : undefined
  return {
    kind: 'unit',
    name,
    runtime,
    ...(content === undefined ? {} : { content }),
    dropIns: unit
      .maps('drop_ins')
      .map(dropIn => ({ name: dropIn.line('name') ?? '', content: dropIn.text('content') ?? '' })),
    ...(mask === undefined ? {} : { mask }),
    ...(unit.flag('enable') === true && isThere && !NETWORK_SUFFIX.test(name) ? { enable: true } : {}),
    origin: unit.at('name'),
  }
}

function checkContent(unit: View, name: string, findings: Findings): void {
  checkFile(unit, name, true, findings)
  const dropIns = new Set<string>()
  for (const dropIn of unit.maps('drop_ins')) {
    const file = dropIn.line('name') ?? ''
    if (!DROP_IN.test(file))
      findings.error(dropIn.at('name'), 'a drop-in needs a file name that ends in .conf')
    if (dropIns.has(file)) findings.error(dropIn.at('name'), `${name} has a drop-in ${shown(file)} already`)
    dropIns.add(file)
    checkFile(dropIn, name, false, findings)
  }
  if (unit.flag('enable') !== true) return
  const texts = [unit, ...unit.maps('drop_ins')].map(part => part.text('content') ?? '')
  if (NETWORK_SUFFIX.test(name))
    findings.warning(
      unit.at('enable'),
      `${name}: enable does nothing, systemd-networkd reads all of its files`,
    )
  else if (unit.has('content') && !texts.some(hasInstall))
    findings.warning(unit.at('enable'), `${name}: enable does nothing without an [Install] section`)
}

/** Lines within a literal block (`|`) are lines of the document; of other texts only the beginning is known. */
function checkFile(holder: View, unit: string, whole: boolean, findings: Findings): void {
  const content = holder.scalar('content')
  if (content === undefined) return
  const { block, origin } = content
  for (const { line, column, message } of checkUnitFile(content.text, unit, whole)) {
    const place = block && { line: block.line + line - 1, column: block.column + column - 1 }
    findings.warning({ ...origin, ...place }, message)
  }
}
