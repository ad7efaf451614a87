// Flags, environment and file: who wins, what is refused and in which words.

import t from 'tap'
import { UserError } from '#lib/errors.ts'
import type { Config, Notice, Start } from './config.ts'
import { findConfigFile, readStart } from './read.ts'
import { readYaml } from './yaml.ts'

type Env = Record<string, string>

function read(args: readonly string[], env: Env = {}, value?: unknown): Start {
  return readStart(args, env, value === undefined ? undefined : { path: 'etcd.yml', value }, 'node v0')
}

function run(
  args: readonly string[],
  env: Env = {},
  value?: unknown,
): { config: Config; notices: readonly Notice[] } {
  const start = read(args, env, value)
  if (start.kind === 'end') throw new Error(start.err)
  return start
}

function texts(notices: readonly Notice[]): string {
  return notices.map(({ level, text }) => `${level} ${text}\n`).join('')
}

t.test('defaults are those of the original', t => {
  const { config, notices } = run([])
  t.same(notices, [])
  t.match(config, {
    name: 'default',
    dataDir: 'default.etcd',
    listenClientUrls: ['http://localhost:2379'],
    listenPeerUrls: ['http://localhost:2380'],
    initialCluster: 'default=http://localhost:2380',
    initialClusterToken: 'etcd-cluster',
    snapshotCount: 100_000,
    heartbeatMs: 100,
    electionMs: 1000,
    cors: ['*'],
    hostWhitelist: ['*'],
    strictReconfig: true,
    proxy: 'off',
    discoveryFallback: 'proxy',
    logger: 'capnslog',
    logLevel: 'info',
    logOutputs: ['stderr'],
    ciphers: '',
  })
  t.equal(
    run(['--name', 'n1']).config.initialCluster,
    'n1=http://localhost:2380',
    'a name alone founds alone',
  )
  t.end()
})

t.test('one dash or two, the environment, and a file before both', t => {
  for (const args of [['-name', 'x'], ['--name', 'x'], ['-name=x'], ['--name=x']])
    t.equal(run(args).config.name, 'x', args.join(' '))
  const given = run(['--strict-reconfig-check=false'], { ETCD_DATA_DIR: '/d', ETCD_NAME: '' })
  t.equal(given.config.strictReconfig, false)
  t.equal(given.config.dataDir, '/d')
  t.equal(given.config.name, 'default', 'an empty variable is none')
  t.match(texts(given.notices), 'info recognized and used environment variable ETCD_DATA_DIR=/d')
  t.match(texts(run([], { ETCD_NOPE: '1' }).notices), 'warn unrecognized environment variable ETCD_NOPE=1')
  t.same(run([], { ETCD_VERSION: '3' }).notices, [])
  const file = run(
    ['--name', 'flag'],
    { ETCD_NAME: 'env' },
    { name: 'file', 'snapshot-count': 7, cors: ['a', 'b'] },
  )
  t.match(file.config, { name: 'file', snapshotCount: 7, cors: ['a', 'b'] })
  t.match(texts(file.notices), /^info Loading server configuration from "etcd.yml"/)
  const tls = {
    'client-transport-security': { 'cert-file': 'c', 'key-file': 'k' },
    'peer-transport-security': null,
  }
  t.match(run([], {}, tls).config.clientTls, { certFile: 'c', keyFile: 'k' })
  t.equal(findConfigFile(['--config-file', 'a'], { ETCD_CONFIG_FILE: 'b' }), 'a')
  t.equal(findConfigFile([], { ETCD_CONFIG_FILE: 'b' }), 'b')
  t.equal(findConfigFile(['--nope'], { ETCD_CONFIG_FILE: 'b' }), undefined)
  t.equal(findConfigFile(['--config-file', 'a', '--help'], {}), undefined)
  t.end()
})

t.test('help, version, and flags that are none', t => {
  const help = read(['-h'])
  t.match(help, { kind: 'end', status: 0, err: '' })
  for (const flag of ['--data-dir', '--initial-cluster', '--enable-pprof', '--cipher-suites'])
    t.match(help.kind === 'end' && help.out, flag)
  t.match(read(['--version']), {
    status: 0,
    out: /^etcd Version: 3\.4\.23\nGit SHA: .*\nGo Version: node v0\n/,
  })
  const unknown = read(['--nope'])
  t.match(unknown, { status: 2, out: '', err: /^flag provided but not defined: -nope\n/ })
  t.match(read(['stray']), {
    status: 1,
    err: "error verifying flags, 'stray' is not a valid flag. See 'etcd --help'.\n",
  })
  t.end()
})

t.test('what is refused, in one line that names the flag', t => {
  const cases: [args: string[], line: RegExp][] = [
    [
      ['--listen-client-urls', 'http://a.example:1', '--advertise-client-urls', 'http://a.example:1'],
      /expected IP in URL for binding \(http:\/\/a\.example:1\)/,
    ],
    [
      ['--listen-peer-urls', '127.0.0.1:1'],
      /--listen-peer-urls: parse "127\.0\.0\.1:1": first path segment in URL cannot contain colon/,
    ],
    [
      ['--listen-peer-urls', 'http://127.0.0.1'],
      /URL address does not have the form "host:port": http:\/\/127\.0\.0\.1/,
    ],
    [
      ['--listen-peer-urls', 'http://127.0.0.1:1/x'],
      /URL must not contain a path: http:\/\/127\.0\.0\.1:1\/x/,
    ],
    [['--listen-peer-urls', 'ftp://127.0.0.1:1'], /URL scheme must be http, https, unix, or unixs: ftp:/],
    [['--listen-peer-urls', ','], /--listen-peer-urls: no valid URLs given/],
    [['--listen-peer-urls', 'http://127.0.0.1:65536'], /does not have the form "host:port"/],
    [['--initial-cluster', 'a=nope'], /--initial-cluster: URL scheme must be/],
    [['--initial-cluster', '=http://127.0.0.1:1'], /a name is missing/],
    [
      ['--initial-cluster', 'a=http://127.0.0.1:1', '--discovery', 'http://h/t'],
      /multiple discovery or bootstrap flags are set/,
    ],
    [['--discovery-srv', 'd', '--discovery', 'http://h/t'], /multiple discovery or bootstrap flags are set/],
    [
      ['--listen-client-urls', 'http://127.0.0.1:1'],
      /--advertise-client-urls is required when --listen-client-urls is set explicitly/,
    ],
    [['--heartbeat-interval', '0'], /--heartbeat-interval must be >0 \(set to 0ms\)/],
    [
      ['--election-timeout', '499'],
      /--election-timeout\[499ms\] should be at least as 5 times as --heartbeat-interval\[100ms\]/,
    ],
    [
      ['--election-timeout', '50001'],
      /--election-timeout\[50001ms\] is too long, and should be set less than 50000ms/,
    ],
    [['--snapshot-count', '0'], /--snapshot-count must be at least 1/],
    [['--bcrypt-cost', '3'], /--bcrypt-cost must be from 4 to 31, not 3/],
    [['--proxy', 'yes'], /invalid value "yes" for flag -proxy: must be one of off, on, readonly/],
    [['--initial-cluster-state', 'old'], /must be one of new, existing/],
    [['--discovery-fallback', 'x'], /must be one of proxy, exit/],
    [['--log-level', 'loud'], /must be one of debug, info, warn, error/],
    [['--logger', 'x'], /must be one of capnslog, zap/],
    [
      ['--log-package-levels', 'raft=LOUD'],
      /--log-package-levels: "raft=LOUD" is no PACKAGE=LEVEL; a level is one of TRACE, /,
    ],
    [
      ['--cipher-suites', 'TLS_RSA_WITH_RC4_128_SHA'],
      /--cipher-suites: unexpected TLS cipher suite "TLS_RSA_WITH_RC4_128_SHA"/,
    ],
    [['--cert-file', 'c'], /KeyFile and CertFile must both be present\[key: , cert: c\]/],
    [['--peer-key-file', 'k'], /KeyFile and CertFile must both be present\[key: k, cert: \]/],
    [['--client-cert-auth'], /--client-cert-auth needs --trusted-ca-file/],
    [['--peer-client-cert-auth'], /--peer-client-cert-auth needs --peer-trusted-ca-file/],
    [
      ['--listen-peer-urls', 'https://127.0.0.1:1'],
      /TLS key\/cert \(--peer-cert-file, --peer-key-file\) must be provided for peer url https:.* with HTTPS scheme/,
    ],
    [['--rejoin', '--discovery', 'http://h/t'], /--rejoin needs --initial-cluster alone/],
    [
      ['--addr', '127.0.0.1:4001', '--advertise-client-urls', 'http://127.0.0.1:1'],
      /cannot set both --addr and --advertise-client-urls; use --advertise-client-urls only/,
    ],
  ]
  for (const [args, line] of cases) {
    const start = read(args)
    t.match(start, { kind: 'end', status: 1, out: '' }, args.join(' '))
    const err = start.kind === 'end' ? start.err : ''
    t.match(err, line)
    t.match(err, /^error verifying flags, [^\n]*\. See 'etcd --help'\.\n$/, 'one line')
  }
  t.match(read(['--snapshot-count', 'x']), { status: 2, err: /invalid value "x" for flag -snapshot-count: / })
  t.match(read([], { ETCD_SNAPSHOT_COUNT: 'x' }), {
    status: 1,
    err: /invalid value "x" for ETCD_SNAPSHOT_COUNT: parse error/,
  })
  t.match(read(['--name', 'a'], { ETCD_NAME: 'b' }), {
    status: 1,
    err: /^conflicting environment variable "ETCD_NAME" is shadowed by corresponding command-line flag \(either unset/,
  })
  t.end()
})

t.test('files that are wrong', async t => {
  for (const [value, line] of [
    [['a'], /etcd\.yml: must be a mapping of flags/],
    [{ nmae: 'x' }, /etcd\.yml: nmae: /],
    [{ name: { a: 1 } }, /etcd\.yml: name: must be a text, a number, true or false/],
    [{ 'client-transport-security': 'x' }, /client-transport-security: must be a mapping/],
    [
      { 'client-transport-security': { 'cert-fiel': 'x' } },
      /client-transport-security: cert-fiel: there is no such setting/,
    ],
    [{ 'heartbeat-interval': 'often' }, /invalid value "often"/],
  ] as const) {
    const start = read([], {}, value)
    t.match(start, { kind: 'end', status: 1, err: line }, JSON.stringify(value))
    t.match(start.kind === 'end' && start.err, /^[^\n]*\n$/)
  }
  t.same(await readYaml('name: n1\ncors: [a]\n', 'f'), { name: 'n1', cors: ['a'] })
  await t.rejects(readYaml('a: [\n', 'f'), new UserError('x').constructor)
  await t.rejects(readYaml('a: b: c\n', 'f.yml'), { name: 'UserError', message: /^f\.yml: [^\n]*$/ })
})

t.test('flags of old versions, and flags without effect, are told', t => {
  const old = run([
    '-addr',
    '10.0.0.1:4001',
    '-bind-addr',
    '0.0.0.0:4001',
    '-v',
    '--ca-file',
    'ca',
    '-peers',
    'x',
  ])
  t.match(old.config, {
    advertiseClientUrls: ['http://10.0.0.1:4001'],
    listenClientUrls: ['http://0.0.0.0:4001'],
  })
  t.match(old.config.clientTls, { trustedCaFile: 'ca', clientCertAuth: true })
  for (const line of [
    /--addr is of an old version; use --advertise-client-urls/,
    /--v is of an old version and has no effect/,
    /--peers .* no effect/,
    /--ca-file .* use --trusted-ca-file and --client-cert-auth/,
  ])
    t.match(texts(old.notices), line)
  const idle = run([
    '--max-wals',
    '5',
    '--max-request-bytes',
    '1',
    '--pre-vote=false',
    '--enable-v2=false',
    '--quota-backend-bytes',
    '1',
    '--auth-token',
    'jwt',
  ])
  for (const name of [
    'max-wals',
    'max-request-bytes',
    'pre-vote',
    'enable-v2',
    'quota-backend-bytes',
    'auth-token',
  ])
    t.match(texts(idle.notices), `warn --${name} has no effect: `)
  t.same(run(['--pre-vote', '--enable-v2', '--auth-token', 'simple', '--metrics', 'basic']).notices, [])
  const risks = run([
    '--unsafe-no-fsync',
    '--enable-pprof',
    '--cert-file',
    'c',
    '--key-file',
    'k',
    '--client-cert-auth',
    '--trusted-ca-file',
    'ca',
  ])
  for (const line of [
    /--unsafe-no-fsync/,
    /--enable-pprof/,
    /The scheme of client url http:\/\/localhost:2379 is HTTP while client key\/cert files are presented\. Ignored/,
    /client cert auth \(--client-cert-auth\) is enabled\. Ignored/,
  ])
    t.match(texts(risks.notices), line)
  t.end()
})

t.test('levels, outputs and ciphers', t => {
  const { config } = run([
    '--log-package-levels',
    '*=WARNING,raft=DEBUG,etcdserver/api=critical',
    '--log-outputs',
    'default,stdout,stderr,/l',
  ])
  t.equal(config.logLevel, 'warn')
  t.same(
    [...config.packageLevels],
    [
      ['*', 'warn'],
      ['raft', 'debug'],
      ['etcdserver/api', 'error'],
    ],
  )
  t.same(config.logOutputs, ['stderr', 'stdout', '/l'])
  t.equal(run(['--log-package-levels', 'DEBUG']).config.logLevel, 'debug')
  t.equal(run(['--log-package-levels', 'DEBUG', '--log-level', 'error']).config.logLevel, 'error')
  t.equal(run(['--debug', '--log-level', 'error']).config.logLevel, 'debug')
  const suites = [
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
  ]
  t.match(
    run(['--cipher-suites', suites.join(',')]).config.ciphers,
    'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-SHA:TLS_AES',
  )
  t.end()
})
