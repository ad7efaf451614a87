import t from 'tap'
import { openLines, request } from '#lib/http/host/client.ts'
import { LiveFleet, until } from './lib/live.ts'

const OPTIONS = [{ section: 'Service', name: 'ExecStart', value: '/bin/sleep 1' }]
const JSON_TYPE = { 'Content-Type': 'application/json' }

const fleet = await LiveFleet.open()
t.teardown(() => fleet.close())
const machine = await fleet.add('a', { zone: 'x' })
await fleet.add('b')
const socketPath = fleet.socketOf('a')

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = JSON_TYPE,
): Promise<{ status: number; text: string; type: string | undefined; server: string }> {
  const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
  const reply = await request({ url: `http://fleet${path}`, socketPath, method, headers, ...content })
  const { 'content-type': type, server } = reply.headers
  return { status: reply.status, text: reply.body.toString('utf8'), type, server: String(server) }
}

const error = (code: number, message: string): string => JSON.stringify({ error: { code, message } })

t.test('paths and methods', async t => {
  const cases: [method: string, path: string, status: number, message: string][] = [
    ['GET', '/', 405, ''],
    ['GET', '/fleet/v1', 405, ''],
    ['GET', '/fleet/v1/', 404, ''],
    ['GET', '/foo', 404, ''],
    ['GET', '/fleet/v1/units/', 404, ''],
    ['GET', '/fleet/v1/units/a/b', 404, ''],
    ['POST', '/fleet/v1/discovery', 400, 'only HTTP GET supported against this resource'],
    ['POST', '/fleet/v1/units', 405, 'only GET supported against this resource'],
    ['POST', '/fleet/v1/units/a.service', 405, 'only GET, PUT and DELETE supported against this resource'],
    ['GET', '/fleet/v1/units/none.service', 404, 'unit does not exist'],
    ['DELETE', '/v1-alpha/units/none.service', 404, 'unit does not exist'],
    ['PUT', '/fleet/v1/machines', 405, 'only GET and PATCH supported against this resource'],
    ['GET', '/fleet/v1/machines/', 404, ''],
    ['PATCH', '/fleet/v1/units', 405, 'only GET supported against this resource'],
    ['POST', '/fleet/v1/state', 405, 'only GET supported against this resource'],
    ['PUT', '/fleet/v1/state/a.service', 405, 'only GET supported against this resource'],
    ['GET', '/v1-alpha', 405, ''],
    ['GET', '/fleet/v1/machines/a', 404, ''],
    ['GET', '/fleet/v1/units?nextPageToken=%21%21%21%21', 400, 'illegal base64 data at input byte 0'],
    ['GET', '/fleet/v1/machines?nextPageToken=EwBMLg==', 400, 'token limit must be 100'],
    ['GET', '/fleet/v1/units?nextPageToken=ZAAAAA==', 400, 'token page must be greater than zero'],
    ['GET', '/fleet/v1/units?nextPageToken=a&nextPageToken=b', 400, 'too many values for page token'],
    ['GET', '/fleet/v1/units?nextPageToken=ZAA=', 400, 'unexpected EOF'],
    ['GET', '/fleet/v1/units/none.service/why', 404, 'unit does not exist'],
    ['PUT', '/fleet/v1/units/none.service/restart', 404, 'unit does not exist'],
    ['GET', '/fleet/v1/units/none.service/journal', 404, 'unit does not exist'],
  ]
  for (const [method, path, status, message] of cases) {
    const reply = await ask(method, path)
    t.equal(reply.status, status, `${method} ${path}`)
    t.equal(reply.text, error(status, message), `${method} ${path}`)
    t.equal(reply.type, 'application/json')
    t.equal(reply.server, 'fleetd/v1.0.0-orlop')
  }
  t.equal(
    (await ask('GET', '/fleet/v1/units?x=%zz&nextPageToken=%zz')).text,
    '{}',
    'what cannot be read is no token',
  )
  t.same(await ask('GET', '/fleet/v1/state'), {
    status: 200,
    text: '{}',
    type: 'application/json',
    server: 'fleetd/v1.0.0-orlop',
  })
  t.equal(
    (await ask('GET', '/fleet/v1/state/none.service')).text,
    '{"name":"none.service"}',
    'never 404: old clients fall',
  )
  const head = await ask('HEAD', '/fleet/v1/units')
  t.same([head.status, head.text], [405, ''], 'HEAD is not special')
  t.match((await ask('GET', '/fleet/v1/discovery')).text, '"id":"fleet:v1"')
  t.match((await ask('GET', '/metrics')).text, 'fleet_engine_reconcile_count_total')
})

t.test('putting units', async t => {
  const put = (
    body: unknown,
    headers = JSON_TYPE as Record<string, string>,
    name = 'a.service',
  ): ReturnType<typeof ask> => ask('PUT', `/fleet/v1/units/${name}`, body, headers)
  const cases: [reply: Awaited<ReturnType<typeof ask>>, status: number, message: string | RegExp][] = [
    [await put('{}', {}), 415, 'expected 1 Content-Type, got 0'],
    [
      await put('{}', { 'Content-Type': 'text/plain' }),
      415,
      'only acceptable Content-Type is application/json',
    ],
    [await put('{'), 400, /^unable to decode body: /],
    [await put('[]'), 400, 'unable to decode body: the body must be an object'],
    [await put({ options: [{ name: 1 }] }), 400, 'unable to decode body: options[0].name must be a string'],
    [
      await put({ name: 'b.service' }),
      400,
      'name in URL "a.service" differs from unit name in request body "b.service"',
    ],
    [await put({ options: OPTIONS }, JSON_TYPE, 'a%20b.service'), 400, "invalid character ' ' in unit name"],
    [await put({ options: OPTIONS }, JSON_TYPE, 'a%2Fb.service'), 400, "invalid character '/' in unit name"],
    [await put({ desiredState: 'launched' }), 409, 'unit does not exist and options field empty'],
    [await put({ desiredState: 'bogus', options: OPTIONS }), 400, /^invalid desiredState "bogus"/],
    [
      await put({
        options: [
          { section: 'X-Fleet', name: 'Global', value: 'true' },
          { section: 'X-Fleet', name: 'MachineID', value: 'x' },
        ],
      }),
      400,
      'MachineID cannot be used with Global',
    ],
    [
      await put({ options: [{ section: 'A', name: 'b', value: `c\n[X-Fleet]\nGlobal=true` }] }),
      400,
      'the options do not make a unit file',
    ],
    [
      await put({ options: OPTIONS, desiredState: 'launched' }, JSON_TYPE, 't@.service'),
      400,
      'cannot activate template "t@.service"',
    ],
  ]
  for (const [reply, status, message] of cases) {
    t.equal(reply.status, status, String(message))
    const told = JSON.parse(reply.text).error.message as string
    if (typeof message === 'string') t.equal(told, message)
    else t.match(told, message)
  }
  t.match(await put({ options: OPTIONS, desiredState: 'launched' }), { status: 201, text: '' })
  t.match(await put({ options: OPTIONS }), { status: 409 }, 'must provide a state')
  t.match(await put({ desiredState: 'bogus' }), { status: 400 })
  t.match(
    await put(
      { options: OPTIONS, desiredState: 'launched' },
      { 'Content-Type': 'application/json; charset=utf-8' },
    ),
    { status: 204 },
  )
  await until(() => fleet.machines.some(({ systemd }) => systemd.running.includes('a.service')))
  await until(async () =>
    (await ask('GET', '/fleet/v1/units/a.service')).text.includes('"currentState":"launched"'),
  )
  t.equal(
    (await ask('GET', '/fleet/v1/units/a.service')).text,
    `{"currentState":"launched","desiredState":"launched","machineID":"${machine.id}","name":"a.service","options":[{"name":"ExecStart","section":"Service","value":"/bin/sleep 1"}]}`,
  )
  t.equal((await ask('GET', '/fleet/v1/state?unitName=a.service&machineID=zz')).text, '{}')
  t.match((await ask('GET', '/fleet/v1/state/a.service')).text, '"systemdActiveState":"active"')
  t.match((await ask('PUT', '/fleet/v1/units/a.service/restart', '')).text, /^\{"id":"[0-9a-f-]{36}"\}$/)
  t.match(await ask('DELETE', '/fleet/v1/units/a.service'), { status: 204, text: '' })
})

t.test('pages', async t => {
  for (let n = 0; n < 100; n++)
    await ask('PUT', `/fleet/v1/units/p@${String(n).padStart(3, '0')}.service`, { options: OPTIONS })
  const first = JSON.parse((await ask('GET', '/fleet/v1/units?alt=json')).text) as {
    units: unknown[]
    nextPageToken: string
  }
  t.equal(first.units.length, 100)
  t.equal(first.nextPageToken, 'ZAACAA==')
  t.equal((await ask('GET', `/fleet/v1/units?nextPageToken=${first.nextPageToken}`)).text, '{}')
})

t.test('metadata', async t => {
  const patch = (...changes: unknown[]): ReturnType<typeof ask> => ask('PATCH', '/fleet/v1/machines', changes)
  const path = `/${machine.id}/metadata`
  t.match(await patch({ op: 'x', path: `${path}/k`, value: 'v' }), {
    status: 400,
    text: /invalid op: expect add, remove, or replace/,
  })
  t.match(await patch({ op: 'add', path: '/k', value: 'v' }), {
    status: 400,
    text: /machine metadata path invalid/,
  })
  t.match(await patch({ op: 'add', path: `${path}/k`, value: '' }), {
    status: 400,
    text: /invalid value: add and replace require a value/,
  })
  t.match(
    await patch(
      { op: 'add', path: `${path}/k`, value: 'v' },
      { op: 'replace', path: `${path}/zone`, value: { value: 'y' } },
    ),
    { status: 204, text: '', type: 'application/json' },
  )
  t.match((await ask('GET', '/fleet/v1/machines')).text, '"metadata":{"k":"v","zone":"y"}')
  t.match(await patch({ op: 'remove', path: `${path}/k` }, { op: 'remove', path: `${path}/zone` }), {
    status: 204,
  })
  t.notMatch((await ask('GET', '/fleet/v1/machines')).text, 'metadata')
})

t.test('events, and what another machine has to tell', async t => {
  const stream = await openLines({ url: 'http://fleet/fleet/v1/events', socketPath })
  const events: string[] = []
  const reading = (async () => {
    for await (const line of stream.lines) if (line.startsWith('data: ')) events.push(line.slice(6))
  })()
  await ask('PUT', '/fleet/v1/units/e.service', {
    options: [...OPTIONS, { section: 'X-Fleet', name: 'MachineID', value: 'b'.repeat(32) }],
    desiredState: 'launched',
  })
  await until(() => events.some(text => text.includes('"systemdActiveState":"active"')))
  t.ok(events.some(text => text.startsWith('{"type":"unit","name":"e.service"')))
  t.equal(
    (await ask('GET', '/fleet/v1/units/e.service/status')).text,
    '{"output":"e.service on b: active\\n","status":0}',
    'asked of the other machine',
  )
  t.equal(
    (await ask('GET', '/fleet/v1/units/e.service/journal?lines=2')).text,
    'e.service line 1 on b\ne.service line 2 on b\n',
  )
  t.match(await ask('GET', `/fleet/v1/units/e.service/journal?lines=x&machineID=${machine.id}`), {
    status: 400,
    text: /invalid lines .*a whole number from 0 to 10000/,
  })
  t.match(await ask('GET', `/fleet/v1/units/e.service/journal?output=x&machineID=${machine.id}`), {
    status: 400,
    text: /invalid output .*one of short, /,
  })
  t.match(await ask('GET', '/fleet/v1/units/e.service/status?machineID=zz'), {
    status: 404,
    text: /machine zz is not in the cluster/,
  })
  await ask('DELETE', '/fleet/v1/units/e.service')
  await until(() => events.some(text => text === '{"type":"unit","name":"e.service","removed":true}'))
  stream.close()
  await reading
})
