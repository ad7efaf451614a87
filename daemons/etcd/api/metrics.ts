import { Metrics, type Sample } from '#lib/metrics/metrics.ts'
import type { MemberService, PeerStatistics } from '../member/service.ts'

/** What a program knows of its own process; undefined where it cannot be told. */
export interface ProcessFacts {
  cpuSeconds: number
  residentBytes: number
  virtualBytes: number | undefined
  startedAtSeconds: number
  openFiles: number | undefined
  openFilesMax: number | undefined
}

/** Seconds, as the original's: from a millisecond on, each twice the one before. */
const DURATIONS = Array.from({ length: 14 }, (_, at) => 0.001 * 2 ** at)
const MS = 1000

/** What is counted of a member, by the original's names (specification §4). */
export function memberMetrics(service: MemberService, version: string, facts: () => ProcessFacts): Metrics {
  const metrics = new Metrics()
  ofConsensus(metrics, service)
  ofStore(metrics, service)
  ofPeers(metrics, service)
  const fixed = (labels: Record<string, string>) => (): readonly Sample[] => [{ labels, value: 1 }]
  metrics.gauges('etcd_server_version', 'Which version is running.', fixed({ server_version: version }))
  metrics.gauges('etcd_server_id', 'Which member this is.', fixed({ server_id: service.id }))
  metrics.gauges('etcd_cluster_version', 'On which version the cluster agreed.', () => {
    const { clusterVersion } = service
    return clusterVersion === undefined
      ? []
      : fixed({ cluster_version: clusterVersion.replace(/\.0$/, '') })()
  })
  ofProcess(metrics, facts)
  return metrics
}

function ofConsensus(metrics: Metrics, service: MemberService): void {
  const { counters } = service
  const total = (name: string, help: string, read: () => number) =>
    metrics.total(name, help, () => [{ labels: {}, value: read() }])
  const isTrue = (value: boolean) => (value ? 1 : 0)
  metrics.gauge('etcd_server_has_leader', 'Whether a leader is known.', () => isTrue(service.leader !== ''))
  metrics.gauge('etcd_server_is_leader', 'Whether this member leads.', () =>
    isTrue(service.role === 'leader'),
  )
  metrics.gauge('etcd_server_is_learner', 'Whether this member does not vote.', () =>
    isTrue(service.members().some(({ id, isLearner }) => id === service.id && isLearner)),
  )
  metrics.gauge(
    'etcd_server_proposals_committed_total',
    'Index up to which is committed.',
    () => service.committedIndex,
  )
  metrics.gauge(
    'etcd_server_proposals_applied_total',
    'Index up to which is applied.',
    () => service.appliedIndex,
  )
  metrics.gauge('etcd_server_proposals_pending', 'Proposals that wait.', () => counters.proposalsPending)
  total('etcd_server_leader_changes_seen_total', 'Leaders that were seen.', () => counters.leaderChanges)
  total('etcd_server_proposals_failed_total', 'Proposals that failed.', () => counters.proposalsFailed)
  total(
    'etcd_server_heartbeat_send_failures_total',
    'Heartbeats not sent.',
    () => counters.heartbeatSendFailures,
  )
  total('etcd_server_slow_apply_total', 'Entries that took long to apply.', () => counters.slowApplies)
  metrics.gauge(
    'etcd_disk_wal_write_bytes_total',
    'Bytes written to the log.',
    () => counters.walBytesWritten,
  )
  const sync = metrics.histogram(
    'etcd_disk_wal_fsync_duration_seconds',
    'How long syncs of the log took.',
    DURATIONS,
  )
  const save = metrics.histogram(
    'etcd_snap_db_save_total_duration_seconds',
    'How long snapshots took.',
    DURATIONS,
  )
  counters.onWalSync = ms => sync.observe(ms / MS)
  counters.onSnapshotSave = ms => save.observe(ms / MS)
}

function ofStore(metrics: Metrics, { store }: MemberService): void {
  const { stats } = store
  const action = (name: string, value: number): Sample => ({ labels: { action: name }, value })
  metrics.total('etcd_debugging_store_reads_total', 'Reads of the store.', () => [
    action('get', stats.getsSuccess),
  ])
  metrics.total('etcd_debugging_store_reads_failed_total', 'Reads of what is not there.', () => [
    action('get', stats.getsFail),
  ])
  metrics.total('etcd_debugging_store_writes_total', 'Changes of the store.', () => [
    action('compareAndDelete', stats.compareAndDeleteSuccess),
    action('compareAndSwap', stats.compareAndSwapSuccess),
    action('create', stats.createSuccess),
    action('delete', stats.deleteSuccess),
    action('set', stats.setsSuccess),
    action('update', stats.updateSuccess),
  ])
  metrics.total('etcd_debugging_store_writes_failed_total', 'Changes that were refused.', () => [
    action('compareAndDelete', stats.compareAndDeleteFail),
    action('compareAndSwap', stats.compareAndSwapFail),
    action('create', stats.createFail),
    action('delete', stats.deleteFail),
    action('set', stats.setsFail),
    action('update', stats.updateFail),
  ])
  metrics.total('etcd_debugging_store_expires_total', 'Keys that have expired.', () => [
    { labels: {}, value: stats.expireCount },
  ])
  metrics.gauge('etcd_debugging_store_watchers', 'Clients that watch.', () => store.watchers.count)
}

function ofPeers(metrics: Metrics, service: MemberService): void {
  const each = (read: (peer: PeerStatistics) => number) => (): readonly Sample[] =>
    service.peers().map(peer => ({ labels: { To: peer.id }, value: read(peer) }))
  metrics.total(
    'etcd_network_peer_sent_bytes_total',
    'Bytes to a peer.',
    each(peer => peer.bytesSent),
  )
  metrics.total('etcd_network_peer_received_bytes_total', 'Bytes from a peer.', () =>
    service.peers().map(({ id, bytesReceived }) => ({ labels: { From: id }, value: bytesReceived })),
  )
  metrics.total(
    'etcd_network_peer_sent_failures_total',
    'Messages that were lost.',
    each(peer => peer.sendFailures),
  )
  metrics.gauges('etcd_network_active_peers', 'Peers that are reached.', () =>
    service
      .peers()
      .map(({ id, isActive }) => ({ labels: { Local: service.id, Remote: id }, value: isActive ? 1 : 0 })),
  )
}

function ofProcess(metrics: Metrics, facts: () => ProcessFacts): void {
  const gauge = (name: string, help: string, read: (facts: ProcessFacts) => number | undefined) =>
    metrics.gauge(name, help, () => read(facts()))
  metrics.total('process_cpu_seconds_total', 'Time of processors, in seconds.', () => [
    { labels: {}, value: facts().cpuSeconds },
  ])
  gauge('process_resident_memory_bytes', 'Memory in use.', ({ residentBytes }) => residentBytes)
  gauge('process_virtual_memory_bytes', 'Memory reserved.', ({ virtualBytes }) => virtualBytes)
  gauge(
    'process_start_time_seconds',
    'Start, in seconds since 1970.',
    ({ startedAtSeconds }) => startedAtSeconds,
  )
  gauge('process_open_fds', 'Open files.', ({ openFiles }) => openFiles)
  gauge('process_max_fds', 'Files that may be open.', ({ openFilesMax }) => openFilesMax)
  gauge('os_fd_used', 'Open files.', ({ openFiles }) => openFiles)
  gauge('os_fd_limit', 'Files that may be open.', ({ openFilesMax }) => openFilesMax)
}
