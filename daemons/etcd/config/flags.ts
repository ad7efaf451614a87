import type { FlagSpec, FlagType } from '#lib/cli/flags.ts'

/** A heading of the help and the flags below it. */
export interface FlagGroup {
  title: string
  flags: readonly FlagSpec[]
}

type Row = readonly [name: string, type: FlagType, standard: string, usage: string]

const LOCAL_PEER = 'http://localhost:2380'
const LOCAL_CLIENT = 'http://localhost:2379'

const MEMBER: readonly Row[] = [
  ['name', 'string', 'default', 'human-readable name of this member'],
  ['data-dir', 'string', '', 'folder of its data; NAME.etcd when not given'],
  ['wal-dir', 'string', '', 'folder of its log, when it is to be on another disk'],
  ['snapshot-count', 'uint', '100000', 'applied entries between two snapshots'],
  ['heartbeat-interval', 'uint', '100', 'milliseconds between two heartbeats of the leader'],
  ['election-timeout', 'uint', '1000', 'milliseconds without a leader before another is elected'],
  ['listen-peer-urls', 'string', LOCAL_PEER, 'where it listens to other members'],
  ['listen-client-urls', 'string', LOCAL_CLIENT, 'where it listens to clients'],
  ['max-snapshots', 'uint', '5', 'snapshots to keep; 0 for all'],
  ['max-wals', 'uint', '5', 'accepted: the log is released with the snapshots'],
  ['cors', 'string', '*', 'origins of web pages that may use it'],
  ['host-whitelist', 'string', '*', 'names by which plain requests may call it'],
  ['max-request-bytes', 'uint', '1572864', 'accepted: requests of this API are bounded to 10 MiB'],
]
const CLUSTERING: readonly Row[] = [
  ['initial-advertise-peer-urls', 'string', LOCAL_PEER, 'where other members reach this one'],
  ['advertise-client-urls', 'string', LOCAL_CLIENT, 'where clients reach this one'],
  ['initial-cluster', 'string', '', 'all founding members: NAME=URL,NAME=URL'],
  ['initial-cluster-state', 'string', 'new', '"new", or "existing" to join a cluster that runs'],
  ['initial-cluster-token', 'string', 'etcd-cluster', 'tells clusters apart that are founded alike'],
  ['discovery', 'string', '', 'URL of a discovery token: founders find one another there'],
  ['discovery-proxy', 'string', '', 'HTTP proxy on the way to the discovery service'],
  ['discovery-fallback', 'string', 'proxy', '"proxy" or "exit" when the token is full'],
  ['discovery-srv', 'string', '', 'DNS domain whose SRV records name the founders'],
  ['discovery-srv-name', 'string', '', 'suffix of the service in these records'],
  ['strict-reconfig-check', 'bool', 'true', 'refuse changes of members that would lose the majority'],
  ['rejoin', 'bool', 'false', 'this member has lost its disk: take its place in --initial-cluster again'],
  [
    'force-new-cluster',
    'bool',
    'false',
    'make this member with its data a cluster of one; the others are gone',
  ],
  ['pre-vote', 'bool', 'true', 'accepted: always on'],
  ['enable-v2', 'bool', 'true', 'accepted: the v2 API is what this is'],
]
const PROXY: readonly Row[] = [
  ['proxy', 'string', 'off', '"on" or "readonly": no member, passes requests on'],
  ['proxy-failure-wait', 'uint', '5000', 'milliseconds for which a member that failed is not asked'],
  ['proxy-refresh-interval', 'uint', '30000', 'milliseconds between two looks at who the members are'],
  ['proxy-dial-timeout', 'uint', '1000', 'milliseconds for a connection to come about; 0 for ever'],
  ['proxy-write-timeout', 'uint', '5000', 'milliseconds for a request to be written; 0 for ever'],
  ['proxy-read-timeout', 'uint', '0', 'milliseconds for an answer to be read; 0 for ever'],
]
const SECURITY: readonly Row[] = [
  ['cert-file', 'string', '', 'certificate of the client port'],
  ['key-file', 'string', '', 'its key'],
  ['client-cert-auth', 'bool', 'false', 'demand certificates of clients'],
  ['trusted-ca-file', 'string', '', 'authorities of these'],
  ['client-crl-file', 'string', '', 'certificates of clients that were revoked'],
  ['auto-tls', 'bool', 'false', 'encrypt with a certificate made at the first start'],
  ['peer-cert-file', 'string', '', 'certificate of the peer port, also shown to other members'],
  ['peer-key-file', 'string', '', 'its key'],
  ['peer-client-cert-auth', 'bool', 'false', 'demand certificates of other members'],
  ['peer-trusted-ca-file', 'string', '', 'authorities of these'],
  ['peer-crl-file', 'string', '', 'certificates of members that were revoked'],
  ['peer-auto-tls', 'bool', 'false', 'encrypt with a certificate made at the first start'],
  ['peer-cert-allowed-cn', 'string', '', 'the only common name that members have'],
  ['peer-cert-allowed-hostname', 'string', '', 'the name that certificates of members are made out for'],
  ['cipher-suites', 'string', '', 'suites of TLS 1.2: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,…'],
  ['auth-token', 'string', 'simple', 'accepted'],
  ['bcrypt-cost', 'uint', '10', 'cost of hashing a password, 4 to 31'],
]
const LOGGING: readonly Row[] = [
  ['log-level', 'string', 'info', '"debug", "info", "warn" or "error"'],
  ['logger', 'string', 'capnslog', '"capnslog": lines; "zap": JSON'],
  ['log-outputs', 'string', 'default', '"stderr", "stdout" or paths of files'],
  ['log-package-levels', 'string', '', 'levels of parts: etcdserver=WARNING,rafthttp=DEBUG'],
  ['debug', 'bool', 'false', 'as --log-level debug'],
  ['metrics', 'string', 'basic', '"basic" or "extensive"'],
  ['listen-metrics-urls', 'string', '', 'where only /metrics and /health are answered'],
  ['enable-pprof', 'bool', 'false', 'profiles for tools of V8 at /debug/pprof/'],
  ['config-file', 'string', '', 'YAML with these flags; replaces flags and environment'],
  ['unsafe-no-fsync', 'bool', 'false', 'for tests: a power cut loses what was acknowledged'],
  ['version', 'bool', 'false', 'print the version and end'],
]
/** Of the v3 API and of tuning that there is no need for here. */
const ACCEPTED: readonly Row[] = [
  ['auto-compaction-mode', 'string', 'periodic', ''],
  ['auto-compaction-retention', 'string', '0', ''],
  ['enable-grpc-gateway', 'bool', 'true', ''],
  ['experimental-backend-bbolt-freelist-type', 'string', '', ''],
  ['experimental-compaction-batch-limit', 'int', '0', ''],
  ['experimental-corrupt-check-time', 'duration', '0s', ''],
  ['experimental-enable-lease-checkpoint', 'bool', 'false', ''],
  ['experimental-enable-v2v3', 'string', '', ''],
  ['experimental-initial-corrupt-check', 'bool', 'false', ''],
  ['experimental-peer-skip-client-san-verification', 'bool', 'false', ''],
  ['experimental-warning-apply-duration', 'duration', '100ms', ''],
  ['grpc-keepalive-interval', 'duration', '2h', ''],
  ['grpc-keepalive-min-time', 'duration', '5s', ''],
  ['grpc-keepalive-timeout', 'duration', '20s', ''],
  ['initial-election-tick-advance', 'bool', 'true', ''],
  ['log-output', 'string', '', ''],
  ['max-txn-ops', 'uint', '128', ''],
  ['quota-backend-bytes', 'int', '0', ''],
  ['socket-reuse-address', 'bool', 'false', ''],
  ['socket-reuse-port', 'bool', 'false', ''],
]
/** Of the versions 0.4 and 2: some mean something still (`OLD_NAMES`). */
const OLD: readonly Row[] = [
  ['addr', 'string', '', ''],
  ['bind-addr', 'string', '', ''],
  ['ca-file', 'string', '', ''],
  ['peer-addr', 'string', '', ''],
  ['peer-bind-addr', 'string', '', ''],
  ['peer-ca-file', 'string', '', ''],
]
/** Read and forgotten. Each takes a value or none, as in 0.4. */
export const IGNORED: ReadonlyMap<string, FlagType> = new Map<string, FlagType>([
  ['cluster-active-size', 'string'],
  ['cluster-remove-delay', 'string'],
  ['cluster-sync-interval', 'string'],
  ['config', 'string'],
  ['force', 'bool'],
  ['max-result-buffer', 'string'],
  ['max-retry-attempts', 'string'],
  ['peer-election-timeout', 'string'],
  ['peer-heartbeat-interval', 'string'],
  ['peers', 'string'],
  ['peers-file', 'string'],
  ['retry-interval', 'string'],
  ['snapshot', 'bool'],
  ['v', 'bool'],
  ['vv', 'bool'],
])

/** Old flags that give an address, and the flag whose URL it is today. */
export const OLD_NAMES: ReadonlyMap<string, string> = new Map([
  ['addr', 'advertise-client-urls'],
  ['bind-addr', 'listen-client-urls'],
  ['peer-addr', 'initial-advertise-peer-urls'],
  ['peer-bind-addr', 'listen-peer-urls'],
])

/** The flags as the help shows them. */
export const FLAG_GROUPS: readonly FlagGroup[] = [
  { title: 'Member', flags: MEMBER.map(toSpec) },
  { title: 'Clustering', flags: CLUSTERING.map(toSpec) },
  { title: 'Proxy', flags: PROXY.map(toSpec) },
  { title: 'Security', flags: SECURITY.map(toSpec) },
  { title: 'Log and others', flags: LOGGING.map(toSpec) },
]

/** Every flag that is understood. */
export const FLAGS: readonly FlagSpec[] = [
  ...FLAG_GROUPS.flatMap(({ flags }) => flags),
  ...[...ACCEPTED, ...OLD].map(toSpec),
  ...[...IGNORED].map(([name, type]): FlagSpec => ({ names: [name], type, usage: '', hidden: true })),
  { names: ['help', 'h'], type: 'bool', usage: '', hidden: true },
]

function toSpec([name, type, standard, usage]: Row): FlagSpec {
  return { names: [name], type, usage, default: standard, hidden: usage === '' }
}
