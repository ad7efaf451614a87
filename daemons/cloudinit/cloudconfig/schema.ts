/** What a key takes. `deprecated` says why it should not be used any more. */
export type Schema =
  | { kind: 'text'; pattern?: RegExp; deprecated?: string }
  | { kind: 'bool' | 'int' | 'float'; deprecated?: string }
  | { kind: 'list'; of: Schema; deprecated?: string }
  | { kind: 'map'; fields: Readonly<Record<string, Schema>>; deprecated?: string }

const text: Schema = { kind: 'text' }
const bool: Schema = { kind: 'bool' }
const int: Schema = { kind: 'int' }
const texts: Schema = { kind: 'list', of: text }

function matching(pattern: RegExp): Schema {
  return { kind: 'text', pattern }
}

function old(schema: Schema, deprecated: string): Schema {
  return { ...schema, deprecated }
}

function fields(type: Schema, names: string): Record<string, Schema> {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map(name => [name, type]),
  )
}

const ENCODING = /^(base64|b64|gz|gzip|gz\+base64|gzip\+base64|gz\+b64|gzip\+b64|)$/
/** What the shell understands of one word: letters of a path. */
const COMMAND = /^(start|stop|restart|reload|try-restart|reload-or-restart|reload-or-try-restart|)$/

/** Keys of `coreos.etcd2`, which become `ETCD_…`. */
export const ETCD2: Record<string, Schema> = {
  ...fields(
    text,
    `advertise_client_urls ca_file cert_file cors data_dir discovery discovery_fallback discovery_srv discovery_proxy
     initial_advertise_peer_urls initial_cluster initial_cluster_state initial_cluster_token key_file listen_client_urls
     listen_peer_urls log_package_levels name peer_ca_file peer_cert_file peer_key_file peer_trusted_ca_file
     trusted_ca_file wal_dir`,
  ),
  ...fields(
    bool,
    'client_cert_auth debug enable_pprof force_new_cluster peer_client_cert_auth strict_reconfig_check rejoin',
  ),
  ...fields(
    int,
    `election_timeout heartbeat_interval max_snapshots max_wals proxy_dial_timeout proxy_failure_wait proxy_read_timeout
     proxy_refresh_interval proxy_write_timeout snapshot_count`,
  ),
  proxy: matching(/^(on|off|readonly)$/),
}
/** Keys of `coreos.etcd`, of etcd 0.4, each with the flag that it became; undefined: there is none any more. */
export const ETCD: Record<string, Schema> = {
  ...fields(
    text,
    `addr peer_addr bind_addr peer_bind_addr discovery name peers peers_file data_dir cert_file key_file ca_file
     peer_cert_file peer_key_file peer_ca_file cors http_read_timeout http_write_timeout`,
  ),
  ...fields(bool, 'verbose very_verbose very_very_verbose'),
  ...fields(
    int,
    'cluster_active_size cluster_remove_delay cluster_sync_interval max_result_buffer max_retry_attempts snapshot_count peer_election_timeout peer_heartbeat_interval',
  ),
}
/** Keys of `coreos.fleet`, which become `FLEET_…`. */
export const FLEET: Record<string, Schema> = {
  ...fields(
    text,
    `agent_ttl authorized_keys_file etcd_cafile etcd_certfile etcd_keyfile etcd_key_prefix etcd_servers etcd_username
     etcd_password metadata public_ip`,
  ),
  ...fields({ kind: 'float' }, 'engine_reconcile_interval etcd_request_timeout'),
  ...fields(int, 'token_limit verbosity'),
  ...fields(bool, 'disable_engine verify_units'),
}
/** Keys of `coreos.flannel`, which become `FLANNELD_…`. */
export const FLANNEL: Record<string, Schema> = fields(
  text,
  `etcd_endpoints etcd_cafile etcd_certfile etcd_keyfile etcd_prefix etcd_username etcd_password ip_masq subnet_file
   interface public_ip`,
)
/** Keys of `coreos.locksmith`, which become `LOCKSMITHD_…`. */
export const LOCKSMITH: Record<string, Schema> = {
  ...fields(text, 'endpoint etcd_cafile etcd_certfile etcd_keyfile etcd_username etcd_password group'),
  window_start: matching(
    /^((?:sun|mon|tue|wed|thu|fri|sat|sunday|monday|tuesday|wednesday|thursday|friday|saturday) +)?\d{1,2}:\d{2}$/i,
  ),
  window_length: matching(/^([-+]?0|[-+]?([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+)$/),
}

const IMPORT = 'keys are not fetched from there; put them into ssh_authorized_keys'
const USER: Record<string, Schema> = {
  ...fields(text, 'name passwd gecos homedir primary_group shell'),
  ...fields(bool, 'no_create_home no_user_group system no_log_init'),
  ssh_authorized_keys: texts,
  groups: texts,
  coreos_ssh_import_github: old(text, IMPORT),
  coreos_ssh_import_github_users: old(texts, IMPORT),
  coreos_ssh_import_url: old(text, IMPORT),
}
const UNIT: Record<string, Schema> = {
  name: text,
  content: text,
  command: matching(COMMAND),
  ...fields(bool, 'enable runtime mask'),
  drop_ins: { kind: 'list', of: { kind: 'map', fields: { name: text, content: text } } },
}

/** A whole cloud-config (specification f.3, f.4). */
export const CLOUD_CONFIG: Schema = {
  kind: 'map',
  fields: {
    hostname: text,
    ssh_authorized_keys: texts,
    users: { kind: 'list', of: { kind: 'map', fields: USER } },
    write_files: {
      kind: 'list',
      of: {
        kind: 'map',
        fields: {
          path: text,
          content: text,
          owner: text,
          permissions: matching(/^(0?[0-7]{3,4})?$/),
          encoding: matching(ENCODING),
        },
      },
    },
    manage_etc_hosts: matching(/^(localhost|true|false|)$/),
    once: bool,
    coreos: {
      kind: 'map',
      fields: {
        etcd: old(
          { kind: 'map', fields: ETCD },
          'etcd 0.4 is gone: what has a flag of today is translated; use etcd2',
        ),
        etcd2: { kind: 'map', fields: ETCD2 },
        fleet: { kind: 'map', fields: FLEET },
        flannel: { kind: 'map', fields: FLANNEL },
        locksmith: { kind: 'map', fields: LOCKSMITH },
        update: {
          kind: 'map',
          fields: {
            reboot_strategy: matching(/^(best-effort|etcd-lock|reboot|off|false|)$/),
            group: text,
            server: text,
          },
        },
        oem: { kind: 'map', fields: fields(text, 'id name version_id home_url bug_report_url') },
        units: { kind: 'list', of: { kind: 'map', fields: UNIT } },
      },
    },
  },
}

/** Keys that other systems have in their cloud-config, and what does the same here. */
export const STRANGERS: Readonly<Record<string, string>> = {
  runcmd: 'write a unit with `command: start`',
  bootcmd: 'write a unit with `command: start`',
  packages: 'run it in a container: the system has no package manager',
  package_update: 'the system is updated as a whole',
  package_upgrade: 'the system is updated as a whole',
  apt: 'the system has no package manager',
  ntp: 'write_files /etc/systemd/timesyncd.conf.d/10-ntp.conf',
  mounts: 'write a .mount unit',
  swap: 'write a .swap unit',
  timezone: 'write a unit that runs `timedatectl set-timezone`',
  locale: 'the system speaks English',
  disk_setup: 'use Ignition',
  fs_setup: 'use Ignition',
  chpasswd: 'give users a passwd',
  password: 'give users a passwd',
  ssh_pwauth: 'write_files /etc/ssh/sshd_config.d/10-password.conf',
  groups: 'name groups of a user in users',
  final_message: 'write a unit',
  power_state: 'write a unit',
}
