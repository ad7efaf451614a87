import { spawn } from 'node:child_process'

const PROGRAM = 'systemd-notify'

/**
 * Tells the service manager how this process is, if it asked for it (`Type=notify`). Node has no datagram sockets of
 * the unix family, so the program of systemd does it in our name: the unit needs `NotifyAccess=all`. Failing is no
 * matter for the server; the manager will say that it waits.
 *
 * @param state such as `READY=1`
 * @param log told why it could not be
 */
export function notifyManager(state: string, log: (line: string) => void): void {
  if ((process.env['NOTIFY_SOCKET'] ?? '') === '') return
  const child = spawn(PROGRAM, [`--pid=${process.pid}`, state], { stdio: 'ignore' })
  child.once('error', error => log(`cannot tell systemd ${state}: ${error.message}`))
  child.unref()
}
