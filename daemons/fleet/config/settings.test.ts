import t from 'tap'
import { UserError } from '#lib/errors.ts'
import { readSettings } from './settings.ts'

const FILE = '/etc/fleet/fleet.conf'
const read = (text: string, env: Record<string, string> = {}): ReturnType<typeof readSettings> =>
  readSettings(text, FILE, env)

t.test('nothing at all', t => {
  const { settings, warnings } = read('')
  t.match(settings, {
    verbosity: 0,
    etcdServers: ['http://127.0.0.1:2379', 'http://127.0.0.1:4001'],
    etcdKeyPrefix: '/_coreos.com/fleet/',
    etcdRequestTimeoutMs: 1000,
    engineIntervalMs: 2000,
    agentTtlMs: 30_000,
    unitsDirectory: '/run/fleet/units',
    tokenLimit: 100,
    rebalanceMax: 0,
    disableEngine: false,
  })
  t.same(warnings, [])
  t.end()
})

t.test('file and environment', t => {
  const text = `# comment
etcd_servers=["http://10.0.0.1:2379", "http://10.0.0.2:2379"]
metadata="region=us, disk = ssd,bad,=x,region=eu"
agent_ttl='1m'
enable_grpc=true
foo=1
`
  const { settings, warnings } = read(text, {
    FLEET_AGENT_TTL: '20s',
    FLEET_PUBLIC_IP: '10.0.0.9',
    FLEET_OTHER: 'x',
    PATH: '/',
  })
  t.same(settings.etcdServers, ['http://10.0.0.1:2379', 'http://10.0.0.2:2379'])
  t.same(settings.metadata, { region: 'eu', disk: 'ssd' })
  t.equal(settings.agentTtlMs, 20_000)
  t.equal(settings.publicIp, '10.0.0.9')
  t.same(warnings, [
    `${FILE}: line 5: enable_grpc is ignored: machines of the fleet speak only through etcd`,
    `${FILE}: line 6: there is no setting foo`,
  ])
  t.end()
})

t.test('what is wrong is named', t => {
  const cases: [text: string, message: string][] = [
    ['what', `${FILE}: line 1: expected key=value`],
    ['\nagent_ttl=30', `${FILE}: line 2: agent_ttl must be a duration of at least 1s, such as 30s`],
    ['agent_ttl=10ms', `${FILE}: line 1: agent_ttl must be a duration of at least 1s, such as 30s`],
    ['etcd_servers=', `${FILE}: line 1: etcd_servers names no server`],
    [
      'etcd_servers=10.0.0.1',
      `${FILE}: line 1: etcd_servers "10.0.0.1" is no URL such as http://127.0.0.1:2379`,
    ],
    ['token_limit=0', `${FILE}: line 1: token_limit must be a number from 1 to 65535`],
    ['systemd_user=maybe', `${FILE}: line 1: systemd_user must be true or false`],
    [
      'engine_reconcile_interval=soon',
      `${FILE}: line 1: engine_reconcile_interval must be a number from 0.2 to 3600`,
    ],
  ]
  for (const [text, message] of cases) t.throws(() => read(text), new UserError(message), text)
  t.throws(
    () => read('', { FLEET_VERBOSITY: 'x' }),
    new UserError('FLEET_VERBOSITY: verbosity must be a number from 0 to 10'),
  )
  t.end()
})
