import t from 'tap'
import { demonstrate, HELLO } from './lib/demonstration.ts'
import { LiveFleet, until } from './lib/live.ts'

for (const driver of ['API', 'etcd'] as const) {
  t.test(`the demonstration of the original, by ${driver}`, async t => {
    const f = await LiveFleet.open()
    t.teardown(() => f.close())
    await demonstrate(t, f, driver)
  })
}

t.test('what goes wrong', async t => {
  const f = await LiveFleet.open()
  t.teardown(() => f.close())
  const { systemd } = await f.add('a')
  const unit = (more: string): string => `[Service]\nExecStart=/bin/true\n\n[X-Fleet]\n${more}\n`
  const bad: [words: string[], text: string, status: number, err: RegExp][] = [
    [
      ['submit', 'x.service'],
      '[Service',
      1,
      /^Error creating units: x\.service: line 1: unable to find end of section\n$/,
    ],
    [
      ['submit', 'x.service'],
      '[Service]\nfoo\n',
      1,
      /line 2: unexpected newline encountered while parsing option name/,
    ],
    [['submit', 'x.service'], '', 1, /the file has no section/],
    [['submit', 'x.service'], unit('MachineID=a\nGlobal=true'), 1, /MachineID cannot be used with Global/],
    [
      ['submit', 'x.service'],
      unit('Conflicts=y*\nMachineOf=y.service'),
      1,
      /peer "y\.service" matches conflict "y\*"/,
    ],
    [
      ['submit', 'x.service'],
      unit('MachineMetadata=foo'),
      1,
      /invalid MachineMetadata "foo": write it as key=value/,
    ],
    [['submit', 'x y.service'], unit('Global=false'), 1, /invalid character ' ' in unit name/],
    [['submit', 'x@.mount'], unit('Global=false'), 1, /invalid unit type for template: "mount"/],
    [['submit', 'none.service'], '', 1, /unable to find Unit\(none\.service\) in Registry or on filesystem/],
    [['start', 't@.service'], unit('Global=false'), 1, /cannot activate template "t@\.service"/],
    [['start'], '', 0, /^No units given\n$/],
    [['frobnicate'], '', 2, /^unknown command "frobnicate" for "fleetctl"/],
    [['list-units', '--nope'], '', 2, /^unknown flag: --nope/],
    [['list-units', '--fields', 'x'], '', 1, /^Invalid key in output format: "x"\n$/],
    [['list-units', '--fields='], '', 1, /^Must define output format\n$/],
    [['--endpoint=foo', 'list-units'], '', 1, /URL scheme undefined/],
    [
      ['--endpoint=unix://var/run/x', 'list-units'],
      '',
      1,
      /unable to connect to host "var" with scheme "unix"/,
    ],
    [['--driver=zzz', 'list-units'], '', 1, /unrecognized driver "zzz"/],
    [['status', 'none'], '', 1, /^Unit none\.service does not exist\.\n$/],
    [['cat', 'none'], '', 1, /^Unit none\.service not found\n$/],
    [['cat'], '', 1, /^One unit file must be provided\n$/],
    [['journal', 'a', 'b'], '', 1, /^One unit file must be provided\.\n$/],
    [['ssh'], '', 1, /^one machine or unit must be provided\n$/],
    [['ssh', 'zz'], '', 1, /could not find matching unit or machine/],
    [['ssh', '--machine', 'a', '--unit', 'b'], '', 1, /Both machine and unit flags provided/],
  ]
  for (const [words, text, status, err] of bad) {
    const name = words.at(-1)!
    const result = await f.fleetctl(words, {
      files: text === '' && name === 'none.service' ? {} : { [name]: text },
    })
    t.equal(result.status, status, words.join(' '))
    t.match(result.err, err, words.join(' '))
  }
  t.match((await f.fleetctl(['list-mach'])).out, /^MACHINE/, 'the beginning of a name is enough')
  for (const words of [[], ['help'], ['--help'], ['-h']]) {
    const { status, out } = await f.fleetctl(words)
    t.equal(status, 0)
    t.match(out, /VERSION:\n\tv1\.0\.0-orlop\n/)
  }
  t.equal((await f.fleetctl(['version'])).out, 'fleetctl version v1.0.0-orlop\n')

  const nowhere = unit('MachineMetadata=disk=ssd')
  const hopeless = await f.fleetctl(['start', '--block-attempts=1', 'n.service'], {
    files: { 'n.service': nowhere },
  })
  t.equal(hopeless.status, 1)
  t.match(
    hopeless.err,
    /Unit n\.service cannot be placed: no machine can run it: 1 machine has not the metadata disk=ssd/,
  )
  t.match(
    (await f.fleetctl(['why', 'n'])).out,
    /^Unit n\.service: no machine can run it.*\nMACHINE\t+VERDICT\naaaaaaaa\.\.\.\/10\.0\.0\.1\thas not the metadata disk=ssd\n$/,
  )

  systemd.failing.add('start bad.service')
  const failed = await f.fleetctl(['start', 'bad.service'], {
    files: { 'bad.service': unit('Global=false') },
  })
  t.match(failed, { status: 1, err: /Unit bad\.service has failed; see: fleetctl journal bad\.service/ })
  t.match(
    await f.fleetctl(['start', 'bad.service']),
    { status: 1, out: '', err: /Unit bad\.service has failed; see: fleetctl journal bad\.service/ },
    'to ask once more makes it no better',
  )
  const submitted = await f.fleetctl(['submit', 'w.service'], { files: { 'w.service': unit('Foo=1') } })
  t.match(submitted, { status: 0, err: /unrecognized requirement in \[X-Fleet\] section: "Foo"/ })
  const other = { 'w.service': unit('Global=false') }
  t.match(await f.fleetctl(['submit', 'w.service'], { files: other }), {
    status: 0,
    err: /WARNING: Unit w\.service in registry differs from local unit file w\.service\. Add --replace to override\.\n/,
  })
  t.match(await f.fleetctl(['submit', '--replace', 'w.service'], { files: other }), {
    status: 0,
    out: 'Unit w.service inactive\n',
  })
  t.match(await f.fleetctl(['submit', '--replace', 'w.service'], { files: other }), {
    status: 0,
    out: 'Found same Unit(w.service) in Registry, nothing to do\n',
  })
  t.match(await f.fleetctl(['start', 'w.service']), { status: 0, out: /^Unit w\.service launched on/ })
  t.same(await f.fleetctl(['start', 'w.service']), { status: 0, out: '', err: '', ran: [] })
  t.match(
    await f.fleetctl(['submit', '--replace', 'w.service'], { files: { 'w.service': unit('Conflicts=z') } }),
    { status: 0, err: /can not replace Unit\(w\.service\) in state 'launched', use the appropriate command/ },
  )
  t.match(await f.fleetctl(['update', 'w.service'], { files: { 'w.service': unit('Conflicts=z') } }), {
    status: 0,
    out: 'Unit w.service updated\n',
  })
  await until(() => systemd.starts.get('w.service') === 2)
})

t.test('instances, their order, and batches', async t => {
  const f = await LiveFleet.open()
  t.teardown(() => f.close())
  await f.add('a')
  await f.add('b')
  const names = Array.from({ length: 20 }, (_, n) => `hello@${String(n + 1).padStart(2, '0')}.service`)
  const template = { files: { 'hello@.service': HELLO } }
  t.equal((await f.fleetctl(['submit', ...names], template)).status, 0)
  t.equal(
    (await f.fleetctl(['list-unit-files', '--no-legend', '--fields', 'unit'])).out,
    `${names.join('\n')}\n`,
  )
  const started = await f.fleetctl(['start', ...names], template)
  t.equal(started.status, 0)
  t.equal(started.out.split('\n').length, names.length + 1)
  t.same(
    f.machines.map(({ systemd }) => systemd.running.length),
    [10, 10],
  )
  t.equal((await f.fleetctl(['destroy', ...names])).status, 0)
  t.same(
    f.machines.map(({ systemd }) => systemd.files.size),
    [0, 0],
  )
  t.equal((await f.fleetctl(['list-units', '--no-legend'])).out, '')
})
