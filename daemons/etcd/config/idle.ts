import type { Flags } from '#lib/cli/flags.ts'
import type { Config, Notice } from './config.ts'
import { isEncrypted } from './urls.ts'

const V3 = 'it is about the v3 API, which is not spoken here'
const TUNING = 'it tunes what is built differently here'

/** Flags that are read so that command lines of the original start, why they change nothing, and what they mean anyway. */
const IDLE: readonly (readonly [name: string, why: string, ...harmless: string[]])[] = [
  ['max-wals', 'files of the log go when a snapshot has what they hold'],
  ['max-request-bytes', 'as in the original, it is about the v3 API; requests of v2 may have 10 MiB'],
  ['pre-vote', 'a member asks before it disturbs a leader, always', 'true'],
  ['enable-v2', 'the v2 API is what this server is', 'true'],
  ['auth-token', V3, 'simple'],
  ['metrics', 'the further metrics are those of the v3 API', 'basic'],
  ['auto-compaction-mode', V3],
  ['auto-compaction-retention', V3, '0'],
  ['enable-grpc-gateway', V3],
  ['experimental-backend-bbolt-freelist-type', V3],
  ['experimental-compaction-batch-limit', V3],
  ['experimental-corrupt-check-time', V3],
  ['experimental-enable-lease-checkpoint', V3],
  ['experimental-enable-v2v3', V3],
  ['experimental-initial-corrupt-check', V3],
  [
    'experimental-peer-skip-client-san-verification',
    'names in certificates of clients are not verified in any case',
  ],
  ['experimental-warning-apply-duration', TUNING],
  ['grpc-keepalive-interval', V3],
  ['grpc-keepalive-min-time', V3],
  ['grpc-keepalive-timeout', V3],
  ['initial-election-tick-advance', TUNING],
  ['max-txn-ops', V3],
  ['quota-backend-bytes', V3],
  ['socket-reuse-address', TUNING],
  ['socket-reuse-port', TUNING],
]

/** A line for each flag that was given and changes nothing: nothing is ignored in silence. */
export function idleNotices(flags: Flags): Notice[] {
  const notices: Notice[] = []
  for (const [name, why, ...harmless] of IDLE)
    if (flags.given(name) && !harmless.includes(valueText(flags, name)))
      notices.push({ level: 'warn', from: 'pkg/flags', text: `--${name} has no effect: ${why}` })
  return notices
}

/** Lines about certificates for URLs that do not use them, in the original's words; and about risks that were asked for. */
export function riskNotices(config: Config): Notice[] {
  const notices: Notice[] = []
  const warn = (from: string, text: string) => notices.push({ level: 'warn', from, text })
  for (const [kind, urls, tls, flag] of [
    ['peer', config.listenPeerUrls, config.peerTls, '--peer-client-cert-auth'],
    ['client', config.listenClientUrls, config.clientTls, '--client-cert-auth'],
  ] as const)
    for (const url of urls) {
      if (isEncrypted(url)) continue
      const scheme = `The scheme of ${kind} url ${url} is HTTP while`
      if (tls.certFile !== '')
        warn('embed', `${scheme} ${kind} key/cert files are presented. Ignored key/cert files.`)
      if (tls.clientCertAuth)
        warn(
          'embed',
          `${scheme} client cert auth (${flag}) is enabled. Ignored client cert auth for this url.`,
        )
    }
  if (config.unsafeNoFsync)
    warn(
      'etcdserver',
      'nothing is synced to the disk (--unsafe-no-fsync): a power cut loses what was acknowledged',
    )
  if (config.enablePprof)
    warn(
      'etcdmain',
      'whoever reaches the client port can see profiles and slow the server down (--enable-pprof)',
    )
  return notices
}

function valueText(flags: Flags, name: string): string {
  const type = flags.find(name)!.type
  if (type === 'string') return flags.text(name)
  return String(type === 'bool' ? flags.on(name) : flags.number(name))
}
