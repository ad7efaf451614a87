import { isTargetState, type TargetState, type UnitOption } from '#lib/fleet/model.ts'
import type { RestartBody } from '#lib/fleet/shapes.ts'
import { ApiRefusal } from './answer.ts'

/** Body of `PUT /units/N`. */
export interface UnitRequest {
  name: string
  options: UnitOption[]
  desiredState: TargetState | undefined
}

/** One change of a machine's metadata; no value takes the entry away. */
export interface MetadataChange {
  machineId: string
  key: string
  value: string | undefined
}

const OPTIONS_MAX = 4096
const CHANGES_MAX = 1024
const METADATA_PATH = /^\/([^/]+)\/metadata\/([A-Za-z0-9_.-]+)$/

/**
 * One Content-Type, and that of JSON.
 *
 * @throws ApiRefusal
 */
export function checkContentType(types: readonly string[]): void {
  if (types.length !== 1) throw new ApiRefusal(415, `expected 1 Content-Type, got ${types.length}`)
  if (types[0]!.split(';')[0]!.trim().toLowerCase() !== 'application/json')
    throw new ApiRefusal(415, 'only acceptable Content-Type is application/json')
}

/** @throws ApiRefusal */
export function readUnit(body: Buffer): UnitRequest {
  const fields = object(parse(body), 'the body')
  const name = text(fields.name, 'name')
  const desired = text(fields.desiredState, 'desiredState')
  const options = list(fields.options, 'options', OPTIONS_MAX).map((entry, index) => {
    const option = object(entry, `options[${index}]`)
    return {
      section: text(option.section, `options[${index}].section`),
      name: text(option.name, `options[${index}].name`),
      value: text(option.value, `options[${index}].value`),
    }
  })
  if (desired !== '' && !isTargetState(desired))
    throw new ApiRefusal(
      400,
      `invalid desiredState ${JSON.stringify(desired)}: it is inactive, loaded or launched`,
    )
  return { name, options, desiredState: desired === '' ? undefined : desired }
}

/** Body of `PUT /units/N/restart`, which may be empty. */
export function readRestart(body: Buffer): RestartBody {
  if (body.length === 0) return {}
  const fields = object(parse(body), 'the body')
  if (fields.machines === undefined) return {}
  const machines = list(fields.machines, 'machines', CHANGES_MAX)
  return { machines: machines.map((machine, index) => text(machine, `machines[${index}]`)) }
}

/**
 * Body of `PATCH /machines`. The original takes `"value":{"value":"x"}` and documents `"value":"x"`: here both are
 * right (spec fleet b.5).
 */
export function readChanges(body: Buffer): MetadataChange[] {
  return list(parse(body), 'the body', CHANGES_MAX).map((entry, index) => {
    const fields = object(entry, `[${index}]`)
    const operation = text(fields.op, 'op')
    if (!['add', 'remove', 'replace'].includes(operation))
      throw new ApiRefusal(400, 'invalid op: expect add, remove, or replace')
    const match = METADATA_PATH.exec(text(fields.path, 'path'))
    if (match === null) throw new ApiRefusal(400, 'machine metadata path invalid')
    const given = fields.value
    const value = typeof given === 'object' && given !== null ? (given as { value?: unknown }).value : given
    if (operation === 'remove') return { machineId: match[1]!, key: match[2]!, value: undefined }
    if (typeof value !== 'string' || value === '')
      throw new ApiRefusal(400, 'invalid value: add and replace require a value')
    return { machineId: match[1]!, key: match[2]!, value }
  })
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new ApiRefusal(
      400,
      `unable to decode body: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new ApiRefusal(400, `unable to decode body: ${what} must be an object`)
}

function text(value: unknown, what: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  throw new ApiRefusal(400, `unable to decode body: ${what} must be a string`)
}

function list(value: unknown, what: string, max: number): unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new ApiRefusal(400, `unable to decode body: ${what} must be an array`)
  if (value.length > max)
    throw new ApiRefusal(400, `unable to decode body: ${what} has more than ${max} entries`)
  return value
}
