import type { Test } from 'tap'
import { type CommandOptions, type LiveFleet, type Result, until } from './live.ts'

/** The first unit of everyone. */
export const HELLO = `[Unit]
Description=Hello World

[Service]
ExecStart=/bin/bash -c "while true; do echo Hello, World!; sleep 1; done"
`

type Driver = NonNullable<CommandOptions['driver']>
type Run = (...words: string[]) => Promise<Result>

/** Every command of the original's demonstration on three machines, through either driver, byte by byte. */
export async function demonstrate(t: Test, f: LiveFleet, driver: Driver): Promise<void> {
  for (const letter of ['a', 'b', 'c']) await f.add(letter)
  const files = { 'hello.service': HELLO }
  const run: Run = (...words) => f.fleetctl(words, { files, driver })
  await bringUp(t, f, run)
  await look(t, f, run, driver)
  await takeDown(t, f, run)
  await rollGlobal(t, f, run, driver)
}

async function bringUp(t: Test, f: LiveFleet, run: Run): Promise<void> {
  t.same(await run('list-machines'), {
    status: 0,
    out: 'MACHINE\t\tIP\t\tMETADATA\naaaaaaaa...\t10.0.0.1\t-\nbbbbbbbb...\t10.0.0.2\t-\ncccccccc...\t10.0.0.3\t-\n',
    err: '',
    ran: [],
  })
  t.same(await run('submit', 'hello.service'), {
    status: 0,
    out: 'Unit hello.service inactive\n',
    err: '',
    ran: [],
  })
  t.match((await run('why', 'hello')).out, /^Unit hello\.service: it is neither loaded nor started\nMACHINE/)
  t.same(await run('load', 'hello.service'), {
    status: 0,
    out: 'Unit hello.service loaded on aaaaaaaa.../10.0.0.1\n',
    err: '',
    ran: [],
  })
  t.equal(
    (await run('list-units')).out,
    'UNIT\t\tMACHINE\t\t\tACTIVE\t\tSUB\nhello.service\taaaaaaaa.../10.0.0.1\tinactive\tdead\n',
  )
  t.same(await run('start', 'hello.service'), {
    status: 0,
    out: 'Unit hello.service launched on aaaaaaaa.../10.0.0.1\n',
    err: '',
    ran: [],
  })
  t.same(f.machines[0]!.systemd.running, ['hello.service'])
}

async function look(t: Test, f: LiveFleet, run: Run, driver: Driver): Promise<void> {
  t.equal(
    (await run('list-units', '-l', '--no-legend')).out,
    `hello.service\t${'a'.repeat(32)}/10.0.0.1\tactive\trunning\n`,
  )
  t.equal(
    (await run('list-unit-files')).out,
    'UNIT\t\tHASH\tDSTATE\t\tSTATE\t\tTARGET\nhello.service\t' +
      `${(await run('list-unit-files', '--no-legend', '--fields=hash')).out.trim()}\tlaunched\tlaunched\taaaaaaaa.../10.0.0.1\n`,
  )
  const [hash] = [(await run('list-units', '--full', '--no-legend', '--fields=hash')).out.trim()]
  t.match(hash, /^[0-9a-f]{40}$/)
  t.same(JSON.parse((await run('list-units', '--json')).out), [
    {
      agentState: 'launched',
      hash,
      machineID: 'a'.repeat(32),
      name: 'hello.service',
      systemdActiveState: 'active',
      systemdLoadState: 'loaded',
      systemdSubState: 'running',
    },
  ])
  t.match(JSON.parse((await run('list-unit-files', '--json')).out), [
    { name: 'hello.service', desiredState: 'launched', currentState: 'launched', machineID: 'a'.repeat(32) },
  ])
  t.match(JSON.parse((await run('list-machines', '--json')).out)[2], {
    id: 'c'.repeat(32),
    primaryIP: '10.0.0.3',
  })
  t.equal((await run('cat', 'hello')).out, HELLO)
  t.match((await run('why', 'hello')).out, /^Unit hello\.service: it is on machine a{32}\n/)
  t.same((await f.fleetctl(['status', 'hello'], { machineId: 'a'.repeat(32), driver })).ran, [
    'systemctl status --no-pager -l hello.service',
  ])
  t.match(
    (await run('status', '--ssh', 'hello')).ran[0],
    /^ssh .* core@10\.0\.0\.1 -- systemctl status --no-pager -l hello\.service$/,
  )
  t.match((await run('ssh', 'hello', 'echo', 'foo')).ran[0], /core@10\.0\.0\.1 -- echo foo$/)
  const [status, journal] = [await run('status', 'hello'), await run('journal', '--lines', '2', 'hello')]
  if (driver === 'API') {
    t.match(status, { status: 0, out: 'hello.service on a: active\n', ran: [] })
    t.equal(journal.out, 'hello.service line 1 on a\nhello.service line 2 on a\n')
  } else {
    // No daemon is asked: the machine itself is, as it was of old.
    t.match(status.ran, [/^ssh .* core@10\.0\.0\.1 -- systemctl status --no-pager -l hello\.service$/])
    t.match(journal.ran, [
      /core@10\.0\.0\.1 -- journalctl --unit hello\.service --no-pager -n 2 --output short$/,
    ])
  }
}

async function takeDown(t: Test, f: LiveFleet, run: Run): Promise<void> {
  t.match(await run('restart', 'hello'), {
    status: 0,
    out: 'Unit hello.service launched on aaaaaaaa.../10.0.0.1\n',
  })
  t.equal(f.machines[0]!.systemd.starts.get('hello.service'), 2, 'restart restarts')
  t.same(await run('stop', 'hello'), {
    status: 0,
    out: 'Unit hello.service loaded on aaaaaaaa.../10.0.0.1\n',
    err: 'Successfully stopped units [hello.service].\n',
    ran: [],
  })
  t.match(await run('stop', 'hello'), { status: 0, out: '', err: 'Successfully stopped units [].\n' })
  // The agent and the engine take it away beside one another: whoever looks in between still finds its machine.
  t.match(await run('unload', 'hello'), {
    status: 0,
    out: /^Unit hello\.service inactive(?: on aaaaaaaa\.\.\.\/10\.0\.0\.1)?\n$/,
    err: 'Successfully unloaded units [hello.service].\n',
    ran: [],
  })
  t.match(await run('stop', 'hello'), {
    status: 1,
    err: 'Unable to stop unit hello.service in state inactive\n',
  })
  t.match(await run('restart', 'hello'), {
    status: 0,
    err: 'Unable to restart unit hello.service in state inactive\n',
  })
  t.same(await run('destroy', 'hello'), { status: 0, out: 'Destroyed hello.service\n', err: '', ran: [] })
  t.match(await run('destroy', 'hello'), { status: 0, out: '', err: 'Units not found in registry\n' })
  t.equal((await run('list-unit-files')).out, 'UNIT\tHASH\tDSTATE\tSTATE\tTARGET\n')
}

async function rollGlobal(t: Test, f: LiveFleet, run: Run, driver: Driver): Promise<void> {
  const global = `${HELLO}\n[X-Fleet]\nGlobal=true\n`
  t.match(await f.fleetctl(['start', 'hello.service'], { files: { 'hello.service': global }, driver }), {
    status: 0,
    out: 'Unit hello.service \nTriggered global unit hello.service start\n',
  })
  await until(() => f.machines.every(({ systemd }) => systemd.running.length === 1))
  await until(async () => (await run('list-units', '--no-legend')).out.split('\n').length === 4)
  const status = await run('status', 'hello')
  if (driver === 'API')
    t.equal(
      status.out,
      'hello.service on a: active\n\nhello.service on b: active\n\nhello.service on c: active\n',
    )
  else t.equal(status.ran.length, 3)
  const before = f.machines.map(({ systemd }) => systemd.starts.get('hello.service')!)
  const rolled = await run('restart', '--rolling', 'hello')
  t.equal(
    rolled.out,
    ['a', 'b', 'c']
      .map((l, n) => `Unit hello.service launched on ${l.repeat(8)}.../10.0.0.${n + 1}\n`)
      .join(''),
  )
  for (const [at, { systemd }] of f.machines.entries())
    t.equal(systemd.starts.get('hello.service'), before[at]! + 1)
}
