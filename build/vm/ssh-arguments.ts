/** How a machine is reached by SSH. File names are in the machine's folder, which is ssh's working directory. */
export interface SshTarget {
  user: string
  port: number
  /** Whether the guest may use the agent of whoever calls. */
  forwardAgent?: boolean
  /** Whether commands share one connection, which is kept for a while after the last one. */
  isShared?: boolean
}

/** Names of files in a machine's folder. */
export const SSH_FILES = {
  key: 'id_ed25519',
  publicKey: 'id_ed25519.pub',
  knownHosts: 'known_hosts',
  /** Of the connection that is shared, for each user; ssh(1) puts a name for %r. */
  control: 'ssh-%r.sock',
} as const

/** How long the TCP connection and the greeting may take, seconds: a guest under TCG takes up to a few. */
const CONNECT_TIMEOUT_S = 20
/** A guest that answers nothing for interval × count seconds is gone. */
const ALIVE_INTERVAL_S = 15
const ALIVE_COUNT_MAX = 8
/** How long a shared connection is kept while nobody uses it. */
const PERSIST_S = 60

/**
 * Arguments of `ssh` for a machine: nothing of the user's own configuration, keys or agents, and the host key that
 * was seen first is the one that is trusted.
 *
 * @param command what the guest's shell runs; undefined for a login shell
 */
export function sshArguments(target: SshTarget, command: string | undefined, terminal: boolean): string[] {
  const options = {
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: target.forwardAgent === true ? 'SSH_AUTH_SOCK' : 'none',
    ForwardAgent: target.forwardAgent === true ? 'yes' : 'no',
    UserKnownHostsFile: SSH_FILES.knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    // The key of the guest is made at its first boot; the forwarded port changes, the machine does not.
    StrictHostKeyChecking: 'accept-new',
    HostKeyAlias: 'machine',
    CheckHostIP: 'no',
    LogLevel: 'ERROR',
    ConnectTimeout: String(CONNECT_TIMEOUT_S),
    ServerAliveInterval: String(ALIVE_INTERVAL_S),
    ServerAliveCountMax: String(ALIVE_COUNT_MAX),
    ...(target.isShared === true
      ? { ControlMaster: 'auto', ControlPath: SSH_FILES.control, ControlPersist: String(PERSIST_S) }
      : {}),
  }
  return [
    ...['-F', 'none', '-i', SSH_FILES.key, '-p', String(target.port)],
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    terminal ? '-t' : '-T',
    `${target.user}@127.0.0.1`,
    ...(command === undefined ? [] : ['--', command]),
  ]
}
