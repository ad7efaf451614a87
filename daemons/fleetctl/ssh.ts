import type { SshOptions } from './io.ts'

/** Arguments of the OpenSSH client for a command on a machine; none is a shell. */
export function sshArguments(
  options: SshOptions,
  host: string,
  command: readonly string[],
  isInteractive: boolean,
): string[] {
  const { tunnel, port, user, forwardAgent } = options
  const jump =
    tunnel === ''
      ? []
      : ['-o', `ProxyCommand=ssh ${bastionArguments(options).map(shellQuote).join(' ')} -W %h:%p`]
  const words = command.length === 0 ? [] : ['--', command.join(' ')]
  return [
    ...commonArguments(options),
    ...jump,
    ...(port === 22 ? [] : ['-p', String(port)]),
    ...(forwardAgent ? ['-A'] : []),
    ...(isInteractive ? ['-t'] : []),
    `${user}@${host}`,
    ...words,
  ]
}

/** Arguments by which the bastion of a tunnel is reached, its name last. */
export function bastionArguments(options: SshOptions): string[] {
  const colon = options.tunnel.lastIndexOf(':')
  const host = colon < 0 ? options.tunnel : options.tunnel.slice(0, colon)
  const port = colon < 0 ? '22' : options.tunnel.slice(colon + 1)
  return [...commonArguments(options), ...(port === '22' ? [] : ['-p', port]), `${options.user}@${host}`]
}

/** Words of a command as a shell on the other side will take them apart again. */
export function remoteWords(command: readonly string[]): string[] {
  return command.map(shellQuote)
}

function commonArguments({ timeoutSeconds, strictHostKeyChecking, knownHostsFile }: SshOptions): string[] {
  return [
    '-o',
    `ConnectTimeout=${Math.max(1, Math.ceil(timeoutSeconds))}`,
    '-o',
    `StrictHostKeyChecking=${strictHostKeyChecking ? 'ask' : 'no'}`,
    '-o',
    `UserKnownHostsFile=${strictHostKeyChecking ? knownHostsFile : '/dev/null'}`,
    '-o',
    `LogLevel=${strictHostKeyChecking ? 'INFO' : 'ERROR'}`,
  ]
}

function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
