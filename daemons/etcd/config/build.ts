import type { Flags } from '#lib/cli/flags.ts'
import { UserError } from '#lib/errors.ts'
import { readCiphers } from './ciphers.ts'
import type { Config, PeerTlsSettings, TlsSettings } from './config.ts'
import { type LogLevel, readPackageLevels } from './levels.ts'
import { checkBindable, isEncrypted, readInitialCluster, readUrls } from './urls.ts'

const ELECTION_MS_MAX = 50_000
const ELECTION_PER_HEARTBEAT_MIN = 5
const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/**
 * Makes the settings out of flags and refuses what contradicts itself.
 *
 * @throws UserError with the original's words where it has any
 */
export function buildConfig(flags: Flags): Config {
  checkBootstrap(flags)
  const packageLevels = wrap('log-package-levels', () => readPackageLevels(flags.text('log-package-levels')))
  const name = flags.text('name')
  const proxy = choice(flags, 'proxy', ['off', 'on', 'readonly'])
  const urls = (flag: string) => wrap(flag, () => readUrls(flags.text(flag)))
  const peerUrls = urls('initial-advertise-peer-urls')
  const config: Config = {
    name,
    dataDir: flags.text('data-dir') || `${name}.etcd`,
    walDir: flags.text('wal-dir'),
    snapshotCount: flags.number('snapshot-count'),
    heartbeatMs: flags.number('heartbeat-interval'),
    electionMs: flags.number('election-timeout'),
    listenPeerUrls: urls('listen-peer-urls'),
    listenClientUrls: urls('listen-client-urls'),
    initialAdvertisePeerUrls: peerUrls,
    advertiseClientUrls: urls('advertise-client-urls'),
    initialCluster: initialCluster(flags, name, peerUrls),
    initialClusterState: choice(flags, 'initial-cluster-state', ['new', 'existing']),
    initialClusterToken: flags.text('initial-cluster-token'),
    discovery: flags.text('discovery'),
    discoveryProxy: flags.text('discovery-proxy'),
    discoveryFallback: choice(flags, 'discovery-fallback', ['proxy', 'exit']),
    discoverySrv: flags.text('discovery-srv'),
    discoverySrvName: flags.text('discovery-srv-name'),
    proxy,
    proxyFailureWaitMs: flags.number('proxy-failure-wait'),
    proxyRefreshMs: flags.number('proxy-refresh-interval'),
    proxyDialTimeoutMs: flags.number('proxy-dial-timeout'),
    proxyWriteTimeoutMs: flags.number('proxy-write-timeout'),
    proxyReadTimeoutMs: flags.number('proxy-read-timeout'),
    maxSnapshots: flags.number('max-snapshots'),
    cors: list(flags, 'cors'),
    hostWhitelist: list(flags, 'host-whitelist'),
    strictReconfig: flags.on('strict-reconfig-check'),
    clientTls: tlsOf(flags, '', 'client-crl-file'),
    peerTls: peerTlsOf(flags),
    forceNewCluster: flags.on('force-new-cluster'),
    rejoin: flags.on('rejoin'),
    ciphers: wrap('cipher-suites', () => readCiphers(list(flags, 'cipher-suites'))),
    listenMetricsUrls: flags.text('listen-metrics-urls') === '' ? [] : urls('listen-metrics-urls'),
    metrics: choice(flags, 'metrics', ['basic', 'extensive']),
    bcryptCost: flags.number('bcrypt-cost'),
    enablePprof: flags.on('enable-pprof'),
    unsafeNoFsync: flags.on('unsafe-no-fsync'),
    logger: choice(flags, 'logger', ['capnslog', 'zap']),
    logLevel: logLevel(flags, packageLevels),
    packageLevels,
    logOutputs: logOutputs(flags),
  }
  check(config, flags)
  return config
}

function check(config: Config, flags: Flags): void {
  for (const url of [...config.listenPeerUrls, ...config.listenClientUrls, ...config.listenMetricsUrls])
    checkBindable(url)
  const { electionMs, heartbeatMs } = config
  if (heartbeatMs < 1) throw new UserError('--heartbeat-interval must be >0 (set to 0ms)')
  if (electionMs < 1) throw new UserError('--election-timeout must be >0 (set to 0ms)')
  if (electionMs < ELECTION_PER_HEARTBEAT_MIN * heartbeatMs)
    throw new UserError(
      `--election-timeout[${electionMs}ms] should be at least as 5 times as --heartbeat-interval[${heartbeatMs}ms]`,
    )
  if (electionMs > ELECTION_MS_MAX)
    throw new UserError(
      `--election-timeout[${electionMs}ms] is too long, and should be set less than ${ELECTION_MS_MAX}ms`,
    )
  if (config.snapshotCount < 1) throw new UserError('--snapshot-count must be at least 1')
  if (config.bcryptCost < 4 || config.bcryptCost > 31)
    throw new UserError(`--bcrypt-cost must be from 4 to 31, not ${config.bcryptCost}`)
  if (flags.given('listen-client-urls') && !flags.given('advertise-client-urls') && config.proxy === 'off')
    throw new UserError('--advertise-client-urls is required when --listen-client-urls is set explicitly')
  if (config.rejoin && (config.discovery !== '' || config.forceNewCluster))
    throw new UserError('--rejoin needs --initial-cluster alone, with the peer URLs of all members')
  checkTls(config)
}

function checkTls({ clientTls, peerTls, listenClientUrls, listenPeerUrls }: Config): void {
  for (const [tls, prefix] of [
    [clientTls, ''],
    [peerTls, 'peer-'],
  ] as const) {
    const { certFile, keyFile } = tls
    if ((certFile === '') !== (keyFile === ''))
      throw new UserError(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`)
    if (tls.clientCertAuth && tls.trustedCaFile === '' && !tls.autoTls)
      throw new UserError(`--${prefix}client-cert-auth needs --${prefix}trusted-ca-file`)
  }
  for (const [urls, tls, prefix, kind] of [
    [listenClientUrls, clientTls, '', 'client'],
    [listenPeerUrls, peerTls, 'peer-', 'peer'],
  ] as const) {
    const url = urls.find(isEncrypted)
    if (url !== undefined && tls.certFile === '' && !tls.autoTls)
      throw new UserError(
        `TLS key/cert (--${prefix}cert-file, --${prefix}key-file) must be provided for ${kind} url ${url} with HTTPS scheme`,
      )
  }
}

function checkBootstrap(flags: Flags): void {
  const given = ['initial-cluster', 'discovery', 'discovery-srv'].filter(name => flags.text(name) !== '')
  if (given.length > 1)
    throw new UserError(
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery" or "discovery-srv"',
    )
}

function initialCluster(flags: Flags, name: string, peerUrls: readonly string[]): string {
  const given = flags.text('initial-cluster')
  if (flags.text('discovery') !== '' || flags.text('discovery-srv') !== '') return ''
  if (given === '') return peerUrls.map(url => `${name}=${url}`).join(',')
  wrap('initial-cluster', () => readInitialCluster(given))
  return given
}

function tlsOf(flags: Flags, prefix: '' | 'peer-', crl: string): TlsSettings {
  return {
    certFile: flags.text(`${prefix}cert-file`),
    keyFile: flags.text(`${prefix}key-file`),
    clientCertAuth: flags.on(`${prefix}client-cert-auth`),
    trustedCaFile: flags.text(`${prefix}trusted-ca-file`),
    crlFile: flags.text(crl),
    autoTls: flags.on(`${prefix}auto-tls`),
  }
}

function peerTlsOf(flags: Flags): PeerTlsSettings {
  return {
    ...tlsOf(flags, 'peer-', 'peer-crl-file'),
    allowedCommonName: flags.text('peer-cert-allowed-cn'),
    allowedHostname: flags.text('peer-cert-allowed-hostname'),
  }
}

function choice<T extends string>(flags: Flags, name: string, values: readonly T[]): T {
  const text = flags.text(name)
  if ((values as readonly string[]).includes(text)) return text as T
  throw new UserError(
    `invalid value ${JSON.stringify(text)} for flag -${name}: must be one of ${values.join(', ')}`,
  )
}

/** A level for all packages counts as --log-level does, unless that is given. */
function logLevel(flags: Flags, packageLevels: ReadonlyMap<string, LogLevel>): LogLevel {
  if (flags.on('debug')) return 'debug'
  const level = choice(flags, 'log-level', LOG_LEVELS)
  return flags.given('log-level') ? level : (packageLevels.get('*') ?? level)
}

/** `default` is standard error, also for the journal, which reads it. */
function logOutputs(flags: Flags): string[] {
  const named = list(flags, flags.given('log-output') ? 'log-output' : 'log-outputs')
  const outputs = named.map(output => (/^(default|systemd\/journal)$/.test(output) ? 'stderr' : output))
  return outputs.length === 0 ? ['stderr'] : [...new Set(outputs)]
}

function list(flags: Flags, name: string): string[] {
  return flags
    .text(name)
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
}

function wrap<T>(flag: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`--${flag}: ${error.message}`, error.hint)
    throw error
  }
}
