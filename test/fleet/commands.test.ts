// Rules of single commands that the demonstration does not come by.

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { EtcdClient } from '#lib/etcd/client.ts'
import { Keys } from '#lib/fleet/registry/keys.ts'
import { Registry } from '#lib/fleet/registry/registry.ts'
import { type CommandOptions, LiveFleet, type Result, until } from './lib/live.ts'

const UNIT = '[Unit]\nDescription=One\n\n[Service]\nExecStart=/bin/sleep 1000\n'
const OTHER = UNIT.replace('One', 'Two')
const GLOBAL = `${UNIT}\n[X-Fleet]\nGlobal=true\n`
const FLEETCTL = join(import.meta.dirname, '../../daemons/fleetctl/main.ts')

const fleet = await LiveFleet.open()
t.teardown(() => fleet.close())
const a = await fleet.add('a')
const b = await fleet.add('b')
const run = (words: string, files: Record<string, string> = {}, more: CommandOptions = {}): Promise<Result> =>
  fleet.fleetctl(words.split(' '), { files, ...more })
const starts = (name: string): number => (a.systemd.starts.get(name) ?? 0) + (b.systemd.starts.get(name) ?? 0)
const templates = { 't@.service': UNIT }

for (const driver of ['API', 'etcd'] as const) {
  t.test(`a template stands for what was made of it, by ${driver}`, async t => {
    const names = ['t@1.service', 't@2.service', 't@3.service']
    t.match(await run(`submit t@.service ${names.join(' ')} t@4.service`, templates, { driver }), {
      status: 0,
    })
    t.match(await run(`start ${names.join(' ')}`, {}, { driver }), { status: 0, err: '' })
    const before = names.map(starts)
    const rolled = await run('restart --rolling t@.service', {}, { driver })
    t.match(rolled, { status: 0, err: 'Unable to restart unit t@4.service in state inactive\n' })
    t.same(rolled.out.match(/t@\d/g), ['t@1', 't@2', 't@3'], 'one after the other')
    t.same(
      names.map(starts),
      before.map(count => count + 1),
    )

    const updated = await run('update --rolling t@.service', { 't@.service': OTHER }, { driver })
    t.match(updated, { status: 0, err: '' })
    t.match(
      updated.out,
      /^Unit t@\.service updated\nUnit t@1\.service updated\nUnit t@1\.service launched on \S+\nUnit t@2\.service updated\nUnit t@2\.service launched on \S+\nUnit t@3\.service updated\nUnit t@3\.service launched on \S+\nUnit t@4\.service updated\n$/,
    )
    for (const name of ['t@.service', ...names, 't@4.service']) t.equal((await run(`cat ${name}`)).out, OTHER)
    t.same(
      names.map(starts),
      before.map(count => count + 2),
    )

    // The first that does not come up again ends it, and the others go on with what they have.
    for (const { systemd } of [a, b]) systemd.failing.add('restart t@2.service')
    const stuck = await run('update --rolling t@.service', templates, { driver })
    t.match(stuck, {
      status: 1,
      err: /^Error waiting for units: Unit t@2\.service has failed; see: fleetctl journal t@2\.service\n$/,
    })
    t.equal((await run('cat t@1')).out, UNIT)
    t.equal((await run('cat t@3')).out, OTHER)
    for (const { systemd } of [a, b]) systemd.failing.clear()
    t.match(await run('update none.service', { 'none.service': UNIT }, { driver }), {
      status: 1,
      err: 'Unit none.service does not exist; fleetctl submit creates it\n',
    })
    t.match(await run('update t@1.service', {}, { driver }), {
      status: 1,
      err: 't@1.service: no such file\n',
    })
    t.match(await run('destroy t@ t@1 t@2 t@3 t@4', {}, { driver }), { status: 0, err: '' })
  })

  t.test(`a global unit is updated in place, by ${driver}`, async t => {
    t.match(await run('start g.service', { 'g.service': GLOBAL }, { driver }), { status: 0 })
    await until(() => a.systemd.running.includes('g.service') && b.systemd.running.includes('g.service'))
    await until(async () => (await run('list-units --no-legend')).out.match(/^g\.service/gm)?.length === 2)
    const before = starts('g.service')
    t.match(await run('update g.service', { 'g.service': GLOBAL.replace('One', 'Two') }, { driver }), {
      status: 0,
      out: 'Unit g.service updated\nUnit g.service launched\n',
      err: '',
    })
    t.equal(starts('g.service'), before + 2)
    t.match(await run('restart g.service', {}, { driver }), { status: 0, out: 'Unit g.service launched\n' })
    t.equal(starts('g.service'), before + 4)
    t.match(await run('journal g', {}, { driver }), {
      status: 1,
      err: /^Unable to retrieve journal of global unit g\.service; say of which machine by --machine\.\n$/,
    })
    t.match(await run('stop g', {}, { driver }), { status: 0, out: 'Triggered global unit g.service stop\n' })
    t.match(await run('destroy g', {}, { driver }), { status: 0 })
  })

  t.test(`what failed before is not what fails now, by ${driver}`, async t => {
    const text = (value: string): Record<string, string> => ({
      'f.service': `${UNIT.replace('1000', value)}\n[X-Fleet]\nMachineID=${a.id}\n`,
    })
    const failed = { status: 1, err: /Unit f\.service has failed; see: fleetctl journal f\.service/ }
    a.systemd.failing.add('start f.service')
    t.match(await run('start f.service', text('1'), { driver }), failed, 'systemd refuses to start it')
    a.systemd.failing.clear()
    t.match(
      await run('start --replace f.service', text('2'), { driver }),
      { status: 0, err: '' },
      'with another text it runs',
    )
    // Once or twice: the machine may have tried the old text once more, which systemd did not refuse any longer.
    const before = starts('f.service')
    t.ok(before >= 1)
    t.match(await run('start --replace f.service', text('3'), { driver }), { status: 0, err: '' })
    t.equal(starts('f.service'), before + 1, 'and has the new text when the command ends')

    a.systemd.end('f.service', 'failed', 'failed')
    await until(async () => (await run('list-units --no-legend --fields=active')).out === 'failed\n')
    t.match(await run('start f.service', text('3'), { driver }), failed)
    t.match(await run('stop f.service', {}, { driver }), { status: 0 })
    a.systemd.end('f.service', 'failed', 'failed')
    await until(async () => (await run('list-units --no-legend --fields=active')).out === 'failed\n')
    t.match(
      await run('start f.service', text('3'), { driver }),
      { status: 0, err: '' },
      'it is started again',
    )
    t.equal(starts('f.service'), before + 2)

    a.systemd.failing.add('link f.service')
    t.match(await run('destroy f.service', {}, { driver }), { status: 0 })
    t.match(
      await run('load f.service', text('4'), { driver }),
      {
        status: 1,
        err: /Unit f\.service has failed: it could not be loaded where it is; see: fleetctl status f\.service/,
      },
      'systemd refuses its text',
    )
    a.systemd.failing.clear()
    t.match(await run('destroy f.service', {}, { driver }), { status: 0 })
    a.systemd.starts.clear()
  })

  t.test(`units are created in their order as far as they can be, by ${driver}`, async t => {
    const names = Array.from({ length: 40 }, (_, number) => `many${number}.service`)
    const files = Object.fromEntries(names.map(name => [name, UNIT]))
    const broken = { ...files, 'many30.service': '[Unit\n' }
    const told = (some: readonly string[]): string => some.map(name => `Unit ${name} inactive\n`).join('')
    t.match(await run(`submit ${names.join(' ')}`, broken, { driver }), {
      status: 1,
      out: told(names.slice(0, 30)),
      err: /^Error creating units: many30\.service: line 1: [^\n]*\n$/,
    })
    const list = (await run('list-unit-files --no-legend', {}, { driver })).out
    t.same(
      names.filter(name => list.includes(`${name}\t`)),
      names.slice(0, 30),
      'none after the one with which something is wrong',
    )
    t.match(await run(`submit ${names.join(' ')} many0.service`, files, { driver }), {
      status: 0,
      out: told(names.slice(30)),
      err: '',
    })
    t.match(await run(`destroy ${names.join(' ')}`, {}, { driver }), { status: 0 })
  })

  t.test(`not to wait, by ${driver}`, async t => {
    const files = { 'n.service': UNIT }
    t.same(
      (await run('load --no-block n.service', files, { driver })).out,
      'Unit n.service inactive\nTriggered unit n.service load\n',
    )
    t.same(
      (await run('start --no-block n.service', files, { driver })).out,
      'Triggered unit n.service start\n',
    )
    await until(() => starts('n.service') > 0)
    await until(async () => (await run('list-unit-files --no-legend --fields=state')).out === 'launched\n')
    t.match(await run('stop --no-block n', files, { driver }), {
      out: 'Triggered unit n.service stop\n',
      err: 'Successfully stopped units [n.service].\n',
    })
    t.match(await run('unload --no-block n', files, { driver }), {
      out: 'Triggered unit n.service unload\n',
      err: 'Successfully unloaded units [n.service].\n',
    })
    t.same(await run('destroy --no-block n', files, { driver }), {
      status: 0,
      out: 'Destroyed n.service\n',
      err: '',
      ran: [],
    })
    const nowhere = { 'w.service': `${UNIT}\n[X-Fleet]\nMachineID=nobody\n` }
    t.match(await run('load --block-attempts=1 w.service', nowhere, { driver }), {
      status: 1,
      out: 'Unit w.service inactive\n',
      err: /^Unit w\.service cannot be placed: .*\nError waiting for units: timed out waiting for unit w\.service to report state loaded\nError waiting for unit states, exit status: 1\n$/,
    })
    t.match(await run('destroy w', {}, { driver }), { status: 0 })
  })
}

t.test('a table has the columns that it is asked for', async t => {
  await run('start one.service', { 'one.service': `${UNIT}\n[X-Fleet]\nMachineID=${a.id}\n` })
  const listed = await run('list-unit-files --fields=unit,desc,global,tmachine')
  t.equal(listed.err, 'WARN: field tmachine is deprecated, use target\n')
  t.equal(listed.out, 'UNIT\t\tDESC\tGLOBAL\tTMACHINE\none.service\tOne\tfalse\taaaaaaaa.../10.0.0.1\n')
  t.equal((await run('list-units --fields=load,hash,sub --no-legend')).out.split('\t')[1]!.length, 7)
  t.match(await run('list-unit'), {
    status: 2,
    err: /^unknown command "list-unit" for "fleetctl"; it may be list-unit-files, list-units\n$/,
  })
  t.match(
    (await run('list-units --help')).out,
    /^NAME:\n\tfleetctl list-units - .*\n\nUSAGE:\n\t.*\n\nDESCRIPTION:\n\t[\s\S]*\nOPTIONS:\n\t--fields[\s\S]*\nGLOBAL OPTIONS:\n\t--endpoint/,
  )
  t.equal((await run('list-units --h')).out, (await run('help list-units')).out)
  t.equal((await run('--version list-units')).out, 'fleetctl version v1.0.0-orlop\n')
})

t.test('other machines', async t => {
  const ssh = (words: string, more: CommandOptions = {}): Promise<Result> => run(`ssh ${words}`, {}, more)
  t.match(await ssh('zz'), { status: 1, err: 'Unable to proceed: could not find matching unit or machine\n' })
  t.match(await ssh('--machine a --unit b'), {
    status: 1,
    err: 'Both machine and unit flags provided, please specify only one.\n',
  })
  t.match(await ssh('--machine zz uptime'), { status: 1, err: 'no machine has an ID that begins with zz\n' })
  t.match(await ssh('--unit none uptime'), { status: 1, err: 'Unit none.service does not exist.\n' })
  t.match((await ssh('--unit one -- ls -l')).ran[0], /core@10\.0\.0\.1 -- ls -l$/)
  t.match((await ssh('bbbb ls -l')).ran[0], /core@10\.0\.0\.2 -- ls -l$/)
  t.match((await ssh('one.service')).ran[0], /core@10\.0\.0\.1$/)
  t.match(await ssh('bbbb false', { programStatus: 7 }), { status: 7 }, 'its status is ours')
  await run('submit bbbb.service idle.service', { 'bbbb.service': UNIT, 'idle.service': UNIT })
  t.match(await ssh('bbbb'), {
    status: 1,
    err: /^ambiguous argument, both machine and unit found for `bbbb`\.\n.*--machine or --unit/,
  })
  t.match(await ssh('idle'), { status: 1, err: 'Unit idle.service does not appear to be loaded.\n' })
  t.match(await run('status idle'), { status: 1, err: 'Unit idle.service does not appear to be loaded.\n' })
  t.match(await run('journal idle'), { status: 1, err: 'Unit idle.service does not appear to be running.\n' })
  t.same(await run('status one idle'), {
    status: 1,
    out: 'one.service on a: active\n',
    err: 'Unit idle.service does not appear to be loaded.\n',
    ran: [],
  })
  t.match(
    await run('status --ssh one one', {}, { programStatus: 3 }),
    { status: 3, ran: [/systemctl status/] },
    'the first that is not well ends it',
  )
  t.match(
    (await run('journal --ssh --sudo --lines=5 --output=cat -f one')).ran[0],
    /-- sudo journalctl --unit one\.service --no-pager -n 5 --output cat -f$/,
  )
  t.match(
    (await run('journal one', {}, { machineId: a.id })).ran[0],
    'journalctl --unit one.service --no-pager -n 10 --output short',
  )
  t.match((await run('status --ssh --ssh-port=2022 one')).ran[0], / -p 2022 core@10\.0\.0\.1 -- systemctl/)
  await run('destroy one bbbb idle')
})

t.test('a unit that was destroyed meanwhile leaves nothing behind', async t => {
  const client = new EtcdClient({ endpoints: [fleet.etcd] })
  t.teardown(() => client.close())
  const registry = new Registry(client.keys, new Keys('/_coreos.com/fleet/'))
  t.equal(await registry.setDesired('ghost.service', 'launched'), undefined)
  await t.rejects(client.keys.get('/_coreos.com/fleet/job/ghost.service'), { code: 100 })
  await run('submit half.service', { 'half.service': UNIT })
  await client.keys.delete('/_coreos.com/fleet/job/half.service/target-state')
  t.match(await run('start half', {}, { driver: 'etcd' }), {
    status: 0,
    out: /^Unit half\.service launched on/,
  })
  t.match(await run('destroy half'), { status: 0 })
})

t.test('nobody reads any more', async t => {
  const words = `${process.execPath} --disable-warning=ExperimentalWarning ${FLEETCTL} --endpoint unix://${fleet.socketOf('a')} events`
  const child = spawn('sh', ['-c', `(${words}; echo "status $?" >&2) | head -n 1`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let err = ''
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString()
  })
  await until(async () => {
    await run('submit e.service', { 'e.service': UNIT })
    await run('destroy e.service')
    return err.includes('status')
  })
  t.equal(err, 'status 0\n')
})

t.test('fd-forward joins the standard streams with a socket', async t => {
  const path = join(fleet.folder, 'echo.sock')
  const server = createServer({ allowHalfOpen: true }, socket => socket.pipe(socket))
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.teardown(() => void server.close())
  const forward = async (
    ...words: string[]
  ): Promise<{ status: number | null; out: string; err: string }> => {
    const child = spawn(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      FLEETCTL,
      'fd-forward',
      ...words,
    ])
    let [out, err] = ['', '']
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString()
    })
    child.stderr.on('data', (data: Buffer) => {
      err += data.toString()
    })
    child.stdin.on('error', () => {})
    child.stdin.end('hello')
    const status = await new Promise<number | null>(resolve => child.once('close', resolve))
    return { status, out, err }
  }
  const [joined, nowhere, wordless] = await Promise.all([forward(path), forward('/none'), forward()])
  t.same(joined, { status: 0, out: 'hello', err: '' })
  t.match(nowhere, { status: 1, out: '', err: /^Failed dialing remote address: .*ENOENT.*\n$/ })
  t.match(wordless, { status: 1, err: 'Provide a single argument\n' })
})
