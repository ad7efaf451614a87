// What only `--driver=etcd` has: what both have is in fleetctl.test.ts.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { EtcdClient } from '#lib/etcd/client.ts'
import { encodeMachine } from '#lib/fleet/registry/codec.ts'
import { Keys } from '#lib/fleet/registry/keys.ts'
import { testCertificate } from '#lib/testing/certificates.ts'
import { versionBanner } from '../../daemons/fleetctl/drivers/version.ts'
import { LiveFleet, type Result, until } from './lib/live.ts'

const UNIT = '[Service]\nExecStart=/bin/sleep 1000\n'
const PREFIX = '/_coreos.com/fleet/'
/** In place of the OpenSSH client: it forwards as `-L` says, and writes down how it was called. */
const FAKE_SSH = `#!${process.execPath}
const { appendFileSync } = require('node:fs')
const { connect, createServer } = require('node:net')
const words = process.argv.slice(2)
appendFileSync(process.env.FAKE_SSH_LOG, words.join(' ') + '\\n')
words.forEach((word, at) => {
  if (word !== '-L') return
  const [socket, host, port] = words[at + 1].split(':')
  createServer(near => {
    const far = port === undefined ? connect(host) : connect(Number(port), host)
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
  }).listen(socket)
})
`

const fleet = await LiveFleet.open()
t.teardown(() => fleet.close())
const machine = await fleet.add('a', { zone: 'x' })
await fleet.add('b')
const client = new EtcdClient({ endpoints: [fleet.etcd] })
t.teardown(() => client.close())
const keys = new Keys(PREFIX)
const files = { 'u.service': UNIT, 't@.service': UNIT, 'other.service': UNIT.replace('1000', '2') }
const run = (...words: string[]): Promise<Result> => fleet.fleetctl(words, { files, driver: 'etcd' })
const plain = (env: Record<string, string>, ...words: string[]): Promise<Result> =>
  fleet.fleetctl(words, { files, env: { HOME: fleet.folder, ...env } })

t.test('both drivers tell the same', async t => {
  t.match(await run('start', 'u.service', 't@1.service', 't@2.service'), { status: 0, err: '' })
  const listings = [
    ['list-units'],
    ['list-units', '--json'],
    ['list-unit-files', '--full', '--fields=unit,hash,desc,dstate,state,target,global,reason'],
    ['list-unit-files', '--json'],
    ['list-machines', '--full'],
    ['list-machines', '--json'],
    ['cat', 't@1'],
    ['why', 'u', '--json'],
  ]
  for (const words of listings)
    t.same(await run(...words), await fleet.fleetctl(words), `${words.join(' ')} says the same`)
  t.match(
    (await run('--debug', 'cat', 'u')).err,
    /^DEBUG fleetctl: get \/_coreos\.com\/fleet\/job\/u\.service$/m,
  )
  t.match(await run('update', 'u.service'), { status: 0, out: /^Found same Unit\(u\.service\)/ })
  t.match(
    await fleet.fleetctl(['update', 'u.service'], {
      files: { 'u.service': files['other.service'] },
      driver: 'etcd',
    }),
    {
      status: 0,
      // Where it is put again depends on which of the three units the engine saw first.
      out: /^Unit u\.service updated\nUnit u\.service launched on (a{8}|b{8})\.\.\.\//,
      err: '',
    },
  )
  t.equal((await run('cat', 'u')).out, files['other.service'])
  t.match(await run('destroy', 'u', 't@1', 't@2'), { status: 0, out: /Destroyed u\.service/ })
})

t.test('an option without a value keeps it', async t => {
  const text = '[Service]\nEnvironment=\nExecStart=/bin/true\n'
  for (const driver of ['API', 'etcd'] as const) {
    const words = ['submit', 'empty@.service', 'empty@1.service']
    const own = { files: { 'empty@.service': text }, driver }
    t.match(await fleet.fleetctl(words, own), { status: 0, err: '' })
    for (const name of ['empty@', 'empty@1'])
      t.equal((await fleet.fleetctl(['cat', name], { driver })).out, text)
    t.match(await fleet.fleetctl(words, own), { status: 0, err: '' }, 'it is the same as the file')
    await fleet.fleetctl(['destroy', 'empty@', 'empty@1'], { driver })
  }
})

t.test('what the API would refuse is refused', async t => {
  t.match(await run('start', 't@.service'), {
    status: 1,
    err: 'Error starting units: cannot activate template "t@.service"\n',
  })
  t.match(await run('destroy', 't@.service'), { status: 0 })
  t.match(
    await fleet.fleetctl(['submit', 'x.service'], {
      files: { 'x.service': `${UNIT}\n[X-Fleet]\nGlobal=1\nMachineID=x\n` },
      driver: 'etcd',
    }),
    {
      status: 1,
      err: 'Error creating units: Unit x.service: MachineID cannot be used with Global\n',
    },
  )
  t.match(await run('why', 'none'), { status: 1, err: 'Unit none.service does not exist.\n' })
})

t.test('what is wrong with the way there', async t => {
  const etcd = { FLEETCTL_DRIVER: 'etcd' }
  const cases: [env: Record<string, string>, words: string[], err: RegExp][] = [
    [
      etcd,
      ['--endpoint=http://127.0.0.1:1', 'list-units'],
      /^Error retrieving list of units from repository: etcd does not answer: dial tcp 127\.0\.0\.1:1: connect: connection refused\n$/,
    ],
    [
      etcd,
      ['--endpoint=http://127.0.0.1:1,http://127.0.0.1:2', 'list-units'],
      /:1: connect: connection refused; dial tcp 127\.0\.0\.1:2: /,
    ],
    [
      etcd,
      ['--endpoint=unix:///x', 'list-units'],
      /^Unable to initialize client: etcd endpoint "unix:\/\/\/x" is no http or https URL\n$/,
    ],
    [etcd, ['--endpoint=foo', 'list-units'], /^Unable to initialize client: URL scheme undefined\n$/],
    [etcd, ['--endpoint=,', 'list-units'], /^Unable to initialize client: no endpoint is given\n$/],
    [
      etcd,
      ['--cert-file=x', 'list-units'],
      /^Unable to initialize client: --cert-file and --key-file belong together\n$/,
    ],
    [
      etcd,
      ['--etcd-cafile=/none', 'list-units'],
      /^Unable to initialize client: \/none: no such file or directory \(ENOENT\)\n$/,
    ],
    [{ ...etcd, FLEETCTL_ETCD_CAFILE: '/none' }, ['list-units'], /^Unable to initialize client: \/none: /],
    [{}, ['--driver=zzz', 'list-units'], /^Unable to initialize client: unrecognized driver "zzz"\n$/],
    [
      { FLEETCTL_STRICT_HOST_KEY_CHECKING: 'maybe' },
      ['list-units'],
      /^invalid argument "maybe" for --strict-host-key-checking: true or false\n$/,
    ],
    [
      {},
      ['--request-timeout=x', 'list-units'],
      /^invalid argument "x" for --request-timeout: a number of seconds\n$/,
    ],
    [
      {},
      ['--endpoint=http://127.0.0.1:1', 'list-units'],
      /^Error retrieving list of units from repository: fleetd at http:\/\/127\.0\.0\.1:1 does not answer: /,
    ],
    [
      etcd,
      ['--endpoint=http://127.0.0.1:1', 'list-machines'],
      /^Error retrieving list of active machines from the registry \(etcd does not answer: .*\)\n$/,
    ],
    [
      {},
      ['--endpoint=http://127.0.0.1:1', 'list-machines'],
      /^Error retrieving list of active machines from fleet API \(.*\)\nPossible issues:\n(- .*\n){3}$/,
    ],
    [
      {},
      ['--endpoint=http://127.0.0.1:1', 'cat', 'x'],
      /^fleetd at http:\/\/127\.0\.0\.1:1 does not answer: /,
    ],
  ]
  for (const [env, words, err] of cases) {
    const result = await plain(env, ...words)
    t.equal(result.status, 1, words.join(' '))
    t.match(result.err, err, words.join(' '))
  }
  // Only the flag of the driver: the etcd of this machine, which is not there, and not the socket of the API.
  t.match(
    (await plain(etcd, '--experimental-api=false', 'list-units')).err,
    /127\.0\.0\.1:2379: .*127\.0\.0\.1:4001: /,
  )
  const { etcd: url } = fleet
  t.match(
    await plain({}, `--driver=etcd`, `--endpoint=http://127.0.0.1:1,${url}`, 'list-machines'),
    { status: 0, err: '' },
    'the next one is asked',
  )
  t.equal(
    (
      await plain(
        {},
        '--driver=etcd',
        `--endpoint=${url}`,
        '--etcd-key-prefix=/elsewhere/',
        'list-machines',
        '--no-legend',
      )
    ).out,
    '',
    'another prefix is another cluster',
  )
  t.match(await plain({}, '--endpoint', `${machine.url},http://127.0.0.1:1`, 'list-machines'), {
    status: 0,
    err: `WARN: only the first endpoint is asked: ${machine.url}\n`,
  })
})

t.test('a server that does not answer in time', async t => {
  const { createServer } = await import('node:net')
  const silent = createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void silent.close())
  const address = silent.address() as { port: number }
  const began = performance.now()
  const words = [
    '--driver=etcd',
    `--endpoint=http://127.0.0.1:${address.port}`,
    '--request-timeout=0.2',
    'list-machines',
  ]
  t.match(await plain({}, ...words), { status: 1, err: /exceeded header timeout/ })
  t.ok(performance.now() - began < 2_000)
})

t.test('a cluster that is newer', async t => {
  for (const versions of [['v9.0.0', 'v1'], ['0.11.5', '1.0.0'], ['1.0.0-rc1', '1.0.0+git'], [], ['9', 'x']])
    t.equal(versionBanner(versions), '', versions.join())
  for (const [versions, newest] of [
    [['1.0.1', '0.9.0'], '1.0.1'],
    [['2.0.0-rc1', '1.9.0', '2.0.0-alpha'], '2.0.0-rc1'],
    [['1.0.1-rc.2', '1.0.1-rc.10'], '1.0.1-rc.10'],
  ] as const)
    t.match(versionBanner(versions), `(${newest})`)
  const id = 'f'.repeat(32)
  const other = {
    id,
    ip: '10.0.0.9',
    metadata: {},
    version: '2.0.0',
    capacity: { memoryBytes: 0, cpuMillis: 0 },
    boot: '',
    api: '',
  }
  await client.keys.set(keys.machineObject(id), encodeMachine(other, true), { ttlSeconds: 60 })
  const listed = await run('list-machines', '--no-legend')
  t.equal(listed.status, 0, 'the command goes on')
  t.match(listed.out, /^ffffffff/m)
  t.match(listed.err.split('\n'), [
    /^#{68}$/,
    'WARNING: fleetctl (1.0.0) is older than the latest registered',
    /\(2\.0\.0\)/,
    /./,
    /^#{68}$/,
    '',
  ])
  t.equal((await fleet.fleetctl(['list-machines'])).err, '', 'not by the API')
  await client.keys.delete(keys.machineObject(id))
})

t.test('a machine of the original, which knows no demand to restart', async t => {
  t.match(await run('start', 'u.service'), { status: 0 })
  const { value } = (await client.keys.get(keys.machineObject(machine.id))).node
  const { Boot, Api, ...object } = JSON.parse(value) as Record<string, unknown>
  t.ok(Boot)
  // Its own daemon would put it right at its next beat, which is half its time to live away.
  const original = async (): Promise<void> =>
    void (await client.keys.set(keys.machineObject(machine.id), JSON.stringify(object), { ttlSeconds: 3 }))
  for (const driver of ['etcd', 'API'] as const) {
    const before = machine.systemd.starts.get('u.service')!
    await original()
    const result = await fleet.fleetctl(['restart', 'u'], { driver })
    t.match(result, { status: 0, out: /^Unit u\.service launched on aaaaaaaa/, err: '' })
    t.equal(machine.systemd.starts.get('u.service'), before + 1, `stopped and started by ${driver}`)
  }
  await run('destroy', 'u')
})

t.test('events', async t => {
  const told: string[] = []
  const broken = new Error('enough')
  const following = fleet.fleetctl(['events'], {
    driver: 'etcd',
    out: text => {
      told.push(text)
      if (text === 'unit e.service gone\n') throw broken
    },
  })
  following.catch(() => undefined)
  // It follows from some moment on: a unit that comes again and again is seen.
  await until(async () => {
    await fleet.fleetctl(['start', 'e.service'], { files: { 'e.service': UNIT } })
    await fleet.fleetctl(['destroy', 'e.service'])
    return told.includes('unit e.service gone\n')
  })
  await t.rejects(following, broken)
  t.ok(told.some(line => /^unit e\.service desired launched current launched machine [ab]{32}\n$/.test(line)))
  t.ok(told.some(line => /^state e\.service active\/running machine [ab]{32}\n$/.test(line)))
})

/** Command line of a process, `''` when it is gone. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

t.test('through a tunnel', async t => {
  const bin = join(fleet.folder, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'ssh'), FAKE_SSH)
  await chmod(join(bin, 'ssh'), 0o755)
  const log = join(fleet.folder, 'ssh.log')
  const before = { ...process.env }
  process.env.PATH = `${bin}:${process.env.PATH}`
  process.env.FAKE_SSH_LOG = log
  t.teardown(() => {
    process.env.PATH = before.PATH
  })
  const { host } = new URL(fleet.etcd)
  const common = ['--tunnel=bastion:2222', '--ssh-username=me', '--ssh-timeout=2.5']
  const listing = (await run('list-machines')).out
  t.match(await plain({}, ...common, '--driver=etcd', `--endpoint=${fleet.etcd}`, 'list-machines'), {
    status: 0,
    out: listing,
    err: '',
  })
  t.match(
    await plain(
      {},
      ...common,
      `--endpoint=unix://${fleet.socketOf('a')}`,
      '--strict-host-key-checking=false',
      'list-machines',
    ),
    { status: 0, out: listing },
  )
  const [etcd, api] = (await readFile(log, 'utf8')).trim().split('\n')
  t.match(
    etcd,
    new RegExp(
      `^-o ConnectTimeout=3 -o StrictHostKeyChecking=ask -o UserKnownHostsFile=${fleet.folder}/\\.fleetctl/known_hosts -o LogLevel=INFO -p 2222 -N -o ExitOnForwardFailure=yes -L \\S+/0\\.sock:${host} me@bastion$`,
    ),
  )
  t.match(
    api,
    new RegExp(
      `StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null .* -L \\S+/0\\.sock:${fleet.socketOf('a')} me@bastion$`,
    ),
  )
  // Behind a tunnel, machines are reached through the same bastion.
  const { ran } = await plain(
    {},
    ...common,
    `--driver=etcd`,
    `--endpoint=${fleet.etcd}`,
    'ssh',
    '--ssh-port=2022',
    '--forward-agent',
    'aaaa',
    '--',
    'uptime',
    '-p',
  )
  t.match(
    ran[0],
    /^ssh .*-o ProxyCommand=ssh .*-p 2222 me@bastion -W %h:%p -p 2022 -A me@10\.0\.0\.1 -- uptime -p$/,
  )

  // The client does not outlive fleetctl, nor does its folder.
  const main = join(import.meta.dirname, '../../daemons/fleetctl/main.ts')
  const temporary = join(fleet.folder, 'tmp')
  await mkdir(temporary)
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      main,
      ...common,
      '--driver=etcd',
      `--endpoint=${fleet.etcd}`,
      'events',
    ],
    { env: { ...process.env, HOME: fleet.folder, TMPDIR: temporary }, stdio: 'ignore' },
  )
  await until(async () =>
    (await readdir(temporary, { recursive: true })).some(path => path.endsWith('0.sock')),
  )
  const [id] = (await readdir('/proc')).filter(
    name => /^\d+$/.test(name) && commandOf(name).includes(temporary),
  )
  t.ok(id)
  child.kill('SIGTERM')
  t.equal(await new Promise(resolve => child.once('exit', resolve)), 143)
  t.same(await readdir(temporary), [])
  await until(() => commandOf(id!) === '')
})

t.test('certificates', async t => {
  const { createServer } = await import('node:https')
  const { cert, key, ca } = testCertificate('etcd')
  const server = createServer(
    { cert, key, ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      void fetch(`${fleet.etcd}${request.url}`).then(async reply => {
        response.writeHead(reply.status, { 'X-Etcd-Index': reply.headers.get('x-etcd-index') ?? '' })
        response.end(await reply.text())
      })
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  const endpoint = `--endpoint=https://127.0.0.1:${(server.address() as { port: number }).port}`
  const put = async (name: string, text: string): Promise<string> => {
    await writeFile(join(fleet.folder, name), text)
    return join(fleet.folder, name)
  }
  const paths = {
    ca: await put('ca.pem', ca),
    cert: await put('cert.pem', cert),
    key: await put('key.pem', key),
  }
  const words = ['--driver=etcd', endpoint, 'list-machines', '--no-legend']
  t.match(await plain({}, ...words), { status: 1, err: /x509: certificate signed by unknown authority/ })
  t.match(await plain({}, `--ca-file=${paths.ca}`, ...words), { status: 1, err: /tls: certificate required/ })
  const all = [`--etcd-cafile=${paths.ca}`, `--etcd-certfile=${paths.cert}`, `--etcd-keyfile=${paths.key}`]
  t.match(await plain({}, ...all, ...words), { status: 0, err: '', out: /^aaaaaaaa/ })
  t.match(
    await plain(
      {},
      '--insecure-skip-verify',
      `--cert-file=${paths.cert}`,
      `--key-file=${paths.key}`,
      ...words,
    ),
    { status: 0 },
  )
  t.match(await plain({}, `--ca-file=${await put('bad.pem', 'x')}`, ...words), {
    status: 1,
    err: /bad\.pem holds nothing in PEM form/,
  })
})
