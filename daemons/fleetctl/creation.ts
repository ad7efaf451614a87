import { dirname, join } from 'node:path'
import type { TargetState, UnitOption } from '#lib/fleet/model.ts'
import type { UnitBody } from '#lib/fleet/shapes.ts'
import { hashUnit, parseUnit, UnitSyntaxError } from '#lib/fleet/unit/file.ts'
import { nameFromArgument, nameProblem, splitName } from '#lib/fleet/unit/name.ts'
import { optionsProblem, optionsWarnings } from '#lib/fleet/unit/validate.ts'
import type { Client } from './client.ts'
import { Failure, type Io } from './io.ts'

/** What a unit's creation touches. */
type CreationIo = Pick<Io, 'out' | 'err' | 'readFile'>

/** How units come into the registry for a command. */
export interface Creation {
  io: CreationIo
  client: Client
  /** Take the text from here where the registry has another. */
  replace: boolean
  /** States of units that the command may replace. */
  replaceable: readonly TargetState[]
}

/** A text with where it came from. */
interface Source {
  options: UnitOption[]
  path: string
}

/**
 * Parts of a list of units, one after the other, within which none needs that another is there before it: a template
 * comes before its instances, and a unit that is named twice is looked at again.
 */
export function partsOf(words: readonly string[]): string[][] {
  const parts: string[][] = []
  let names = new Set<string>()
  let isOver = true
  for (const word of words) {
    const name = nameFromArgument(word)
    const { isTemplate } = splitName(name)
    if (isOver || isTemplate || names.has(name)) {
      parts.push([])
      names = new Set()
    }
    parts.at(-1)!.push(word)
    names.add(name)
    isOver = isTemplate
  }
  return parts
}

/**
 * Finds out what is to be written so that a unit is in the registry, from a file or a template where it is not (spec
 * fleet a.3). Writes nothing.
 *
 * One that is replaced stays what it is wanted to be, so that what runs begins anew where it is, and once.
 *
 * @returns undefined when nothing is to be written
 * @throws Failure that names the unit
 */
export async function missingUnit(argument: string, creation: Creation): Promise<UnitBody | undefined> {
  const { io, client, replace } = creation
  const name = nameFromArgument(argument)
  const present = await client.unit(name)
  if (present !== undefined && !replace) {
    await warnOfDifference(argument, present, creation)
    return undefined
  }
  const source = await findSource(argument, name, creation)
  if (present !== undefined && !mayReplace(present, source, creation)) return undefined
  const { options } = source
  checkUnit(name, options, io)
  return { name, options, desiredState: present?.desiredState ?? 'inactive' }
}

/** Writes a unit that is missing, or has another text. */
export async function writeUnit(
  { name, options = [], desiredState }: UnitBody,
  client: Client,
): Promise<void> {
  await client.put({ name, options, ...(desiredState === 'inactive' ? {} : { desiredState }) })
}

/** The text of a unit from a local file, and for an instance from that of its template; undefined without one. */
export async function readLocal(
  argument: string,
  io: CreationIo,
): Promise<(Source & { isTemplate: boolean }) | undefined> {
  const { template, isTemplate, instance } = splitName(nameFromArgument(argument))
  const text = await io.readFile(argument)
  if (text !== undefined) return { options: parse(text, argument), path: argument, isTemplate: false }
  if (instance === '' || isTemplate) return undefined
  const path = join(dirname(argument), template)
  const templateText = await io.readFile(path)
  return templateText === undefined
    ? undefined
    : { options: parse(templateText, path), path, isTemplate: true }
}

/** Checks a unit as the API does, and warns of what nobody reads. */
export function checkUnit(name: string, options: readonly UnitOption[], io: CreationIo): void {
  const problem = nameProblem(name) ?? optionsProblem(options)
  if (problem !== undefined) throw new Failure(`Unit ${name}: ${problem}`)
  if (options.length === 0) throw new Failure(`Unit ${name}: the file has no section with an option in it`)
  for (const warning of optionsWarnings(options)) io.err(`WARN: Unit ${name}: ${warning}\n`)
}

async function warnOfDifference(argument: string, present: UnitBody, { io }: Creation): Promise<void> {
  const local = await readLocal(argument, io)
  if (local === undefined || hashUnit(local.options) === hashUnit(present.options ?? [])) return
  const what = local.isTemplate ? 'local template unit file' : 'local unit file'
  io.err(
    `WARNING: Unit ${present.name} in registry differs from ${what} ${local.path}. Add --replace to override.\n`,
  )
}

function mayReplace(present: UnitBody, source: Source, { io, replaceable }: Creation): boolean {
  const { name, options = [], desiredState = 'inactive' } = present
  if (hashUnit(options) === hashUnit(source.options)) {
    io.out(`Found same Unit(${name}) in Registry, nothing to do\n`)
    return false
  }
  if (replaceable.includes(desiredState)) return true
  io.err(`Warning: can not replace Unit(${name}) in state '${desiredState}', use the appropriate command\n`)
  return false
}

async function findSource(argument: string, name: string, { io, client }: Creation): Promise<Source> {
  const local = await readLocal(argument, io)
  const { template, isTemplate, instance } = splitName(name)
  if (local !== undefined && !local.isTemplate) return local
  if (instance === '' || isTemplate)
    throw new Failure(`unable to find Unit(${name}) in Registry or on filesystem`)
  const known = await client.unit(template)
  if (known !== undefined) {
    const options = known.options ?? []
    if (local !== undefined && hashUnit(local.options) !== hashUnit(options))
      io.err(
        `WARNING: Unit ${template} in registry differs from local template unit file ${local.path}. Add --replace to override.\n`,
      )
    return { options, path: template }
  }
  if (local !== undefined) return local
  throw new Failure(
    `failed getting Unit(${name}) from template: unable to find template Unit(${template}) in Registry or on filesystem`,
  )
}

function parse(text: string, path: string): UnitOption[] {
  try {
    return parseUnit(text)
  } catch (error) {
    if (!(error instanceof UnitSyntaxError)) throw error
    throw new Failure(`${path}: ${error.message}`)
  }
}
