import type { Fields, Schema } from './schema.ts'

const text: Schema = { kind: 'text' }
const bool: Schema = { kind: 'bool' }
const int: Schema = { kind: 'int' }
const float: Schema = { kind: 'float' }

function fields(type: Schema, names: string): Fields {
  return Object.fromEntries(names.split(/\s+/).map(name => [name, type]))
}

/**
 * Keys of `coreos.etcd2`, which become `ETCD_…`: first those of the original in its order, which is the order of lines
 * in the drop-in; then those that only our etcd has (docs/etcd.md).
 */
export const ETCD2: Fields = {
  advertise_client_urls: text,
  ca_file: { kind: 'text', deprecated: 'use trusted_ca_file and client_cert_auth' },
  cert_file: text,
  client_cert_auth: bool,
  cors: text,
  data_dir: text,
  debug: bool,
  ...fields(text, 'discovery discovery_fallback discovery_srv discovery_proxy'),
  election_timeout: int,
  enable_pprof: bool,
  force_new_cluster: bool,
  heartbeat_interval: int,
  ...fields(text, 'initial_advertise_peer_urls initial_cluster initial_cluster_state initial_cluster_token'),
  ...fields(text, 'key_file listen_client_urls listen_peer_urls log_package_levels'),
  max_snapshots: int,
  max_wals: int,
  name: text,
  peer_ca_file: { kind: 'text', deprecated: 'use peer_trusted_ca_file and peer_client_cert_auth' },
  peer_cert_file: text,
  peer_key_file: text,
  peer_client_cert_auth: bool,
  peer_trusted_ca_file: text,
  proxy: { kind: 'text', words: ['on', 'off', 'readonly'] },
  ...fields(int, 'proxy_dial_timeout proxy_failure_wait proxy_read_timeout proxy_refresh_interval'),
  proxy_write_timeout: int,
  snapshot_count: int,
  // It was off when the original passed over `false`; today it is on by itself.
  strict_reconfig_check: { kind: 'bool', keepFalse: true },
  trusted_ca_file: text,
  wal_dir: text,
  ...fields(bool, 'rejoin auto_tls peer_auto_tls'),
  ...fields(text, 'discovery_srv_name host_whitelist cipher_suites client_crl_file peer_crl_file'),
  ...fields(text, 'peer_cert_allowed_cn peer_cert_allowed_hostname listen_metrics_urls metrics'),
  ...fields(text, 'log_level log_outputs logger auth_token'),
  bcrypt_cost: int,
}

/** Keys of `coreos.etcd`, of etcd 0.4 (`translateEtcd` says what becomes of each). */
export const ETCD: Fields = {
  ...fields(text, 'addr bind_addr ca_file cert_file'),
  cluster_active_size: int,
  ...fields(float, 'cluster_remove_delay cluster_sync_interval'),
  ...fields(text, 'cors data_dir discovery graphite_host'),
  ...fields(float, 'http_read_timeout http_write_timeout'),
  key_file: text,
  ...fields(int, 'max_result_buffer max_retry_attempts'),
  ...fields(text, 'name peer_addr peer_bind_addr peer_ca_file peer_cert_file'),
  ...fields(int, 'peer_election_timeout peer_heartbeat_interval'),
  ...fields(text, 'peer_key_file peers peers_file'),
  retry_interval: float,
  snapshot: bool,
  snapshot_count: int,
  trace: text,
  ...fields(bool, 'verbose very_verbose very_very_verbose'),
}

/** Keys of `coreos.fleet`, which become `FLEET_…`, in the order of the original. */
export const FLEET: Fields = {
  agent_ttl: text,
  authorized_keys_file: text,
  disable_engine: bool,
  engine_reconcile_interval: float,
  ...fields(text, 'etcd_cafile etcd_certfile etcd_keyfile etcd_key_prefix'),
  etcd_request_timeout: float,
  ...fields(text, 'etcd_servers etcd_username etcd_password metadata public_ip'),
  token_limit: int,
  verbosity: int,
  verify_units: bool,
}

/** Keys of `coreos.flannel`, which become `FLANNELD_…`, in the order of the original. */
export const FLANNEL: Fields = {
  ...fields(text, 'etcd_endpoints etcd_cafile etcd_certfile etcd_keyfile etcd_prefix etcd_username'),
  ...fields(text, 'etcd_password ip_masq subnet_file interface public_ip'),
}

/** Keys of `coreos.locksmith`, which become `LOCKSMITHD_…`, in the order of the original. */
export const LOCKSMITH: Fields = {
  ...fields(text, 'endpoint etcd_cafile etcd_certfile etcd_keyfile etcd_username etcd_password group'),
  window_start: {
    kind: 'text',
    pattern: /^((sun|mon|tue|wed|thu|fri|sat)[a-z]* )?0*([0-9]|1[0-9]|2[0-3]):0*([0-9]|[1-5][0-9])$/i,
  },
  window_length: { kind: 'text', pattern: /^[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+)$/ },
}
