import type { UnitStateBody } from '#lib/fleet/shapes.ts'
import { hashUnit } from '#lib/fleet/unit/file.ts'
import { isTemplate, nameProblem } from '#lib/fleet/unit/name.ts'
import { optionsProblem } from '#lib/fleet/unit/validate.ts'
import { type Answer, ApiRefusal, bare, json } from './answer.ts'
import type { Backend, Part } from './backend.ts'
import { checkContentType, readChanges, readRestart, readUnit } from './body.ts'
import { DISCOVERY } from './discovery.ts'
import { pageOf, partOf, readToken } from './page.ts'
import type { Query } from './query.ts'
import type { Route } from './route.ts'

/** A request as far as answers depend on it. */
export interface ApiRequest {
  query: Query
  contentTypes: readonly string[]
  body: Buffer
}

const NO_UNIT = 'unit does not exist'

/**
 * Answers what is answered at once; what goes on (events, journals) is the server's.
 *
 * @throws ApiRefusal what the client is told; anything else is a failure of the store
 */
export async function answer(
  route: Route,
  request: ApiRequest,
  backend: Backend,
  limit: number,
): Promise<Answer> {
  const { query } = request
  switch (route.kind) {
    case 'discovery':
      return json(200, DISCOVERY)
    case 'metrics':
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: backend.metrics() }
    case 'units':
      return await page('units', query, limit, part => backend.listUnits(part))
    case 'machines':
      return await page('machines', query, limit, async part => slice(await backend.listMachines(), part))
    case 'states':
      return await page('states', query, limit, async part => slice(await states(query, backend), part))
    case 'state':
      return json(200, await state(route.name, backend))
    case 'get':
      return json(200, await unit(route.name, backend))
    case 'why':
      return json(200, (await backend.why(route.name)) ?? missing())
    case 'delete':
      if (!(await backend.destroyUnit(route.name))) throw new ApiRefusal(404, NO_UNIT)
      return bare(204)
    case 'put':
      return await put(route.name, request, backend)
    case 'patch':
      return await patch(request, backend)
    case 'restart':
      return await restart(route.name, request, backend)
    default:
      throw new Error(`${route.kind} is not answered at once`)
  }
}

/** A bad token is told before anything is read. */
async function page(
  key: string,
  query: Query,
  limit: number,
  list: (part: Part) => Promise<readonly object[]>,
): Promise<Answer> {
  const token = readToken(query, limit)
  return json(200, pageOf(key, await list(partOf(token)), token))
}

function slice<T>(items: readonly T[], { from, count }: Part): readonly T[] {
  return items.slice(from, from + count)
}

async function unit(name: string, backend: Backend): Promise<object> {
  return (await backend.getUnit(name)) ?? missing()
}

function missing(): never {
  throw new ApiRefusal(404, NO_UNIT)
}

async function states(query: Query, backend: Backend): Promise<readonly UnitStateBody[]> {
  const name = query.first('unitName')
  const machineId = query.first('machineID')
  const all = name === '' ? await backend.listStates() : await backend.statesOf(name)
  return machineId === '' ? all : all.filter(item => item.machineID === machineId)
}

/** Clients of the original fall over a 404 here, so that what nobody runs has a state without contents. */
async function state(name: string, backend: Backend): Promise<UnitStateBody> {
  const [first] = await backend.statesOf(name)
  return first ?? { name }
}

/** The order of the checks is the original's (spec fleet b.3), but for the desired state, which it does not check. */
async function put(urlName: string, request: ApiRequest, backend: Backend): Promise<Answer> {
  checkContentType(request.contentTypes)
  const { name, options, desiredState } = readUnit(request.body)
  if (name !== '' && name !== urlName)
    throw new ApiRefusal(
      400,
      `name in URL ${JSON.stringify(urlName)} differs from unit name in request body ${JSON.stringify(name)}`,
    )
  const problem = nameProblem(urlName)
  if (problem !== undefined) throw new ApiRefusal(400, problem)
  const present = await backend.getUnit(urlName)
  const isSame =
    present !== undefined && (options.length === 0 || hashUnit(options) === hashUnit(present.options ?? []))
  if (!isSame) {
    if (options.length === 0) throw new ApiRefusal(409, 'unit does not exist and options field empty')
    const wrong = optionsProblem(options)
    if (wrong !== undefined) throw new ApiRefusal(400, wrong)
    refuseTemplate(urlName, desiredState)
    await backend.putUnit(urlName, options, desiredState ?? 'inactive')
    return bare(201)
  }
  if (desiredState === undefined)
    throw new ApiRefusal(409, 'must provide DesiredState to update existing unit')
  refuseTemplate(urlName, desiredState)
  if (!(await backend.setDesired(urlName, desiredState))) missing()
  return bare(204)
}

function refuseTemplate(name: string, desired: string | undefined): void {
  if (isTemplate(name) && desired !== undefined && desired !== 'inactive')
    throw new ApiRefusal(400, `cannot activate template ${JSON.stringify(name)}`)
}

async function patch(request: ApiRequest, backend: Backend): Promise<Answer> {
  for (const { machineId, key, value } of readChanges(request.body))
    await backend.setMetadata(machineId, key, value)
  return bare(204, 'application/json')
}

async function restart(name: string, request: ApiRequest, backend: Backend): Promise<Answer> {
  const { machines } = readRestart(request.body)
  const present = await backend.getUnit(name)
  if (present === undefined) missing()
  if (present.desiredState !== 'launched') throw new ApiRefusal(409, 'unit is not launched')
  const id = await backend.restart(name, machines)
  if (id === undefined)
    throw new ApiRefusal(501, 'a machine of the unit cannot restart it: stop and start it')
  return json(200, { id })
}
