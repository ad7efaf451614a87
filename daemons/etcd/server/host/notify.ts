import { spawn } from 'node:child_process'

const PROGRAM = 'systemd-notify'
/** A manager that does not take its message holds nothing up for longer. */
const TELL_MS_MAX = 2_000

/**
 * Tells the service manager how this process is, if it asked for it (`Type=notify`). Node has no datagram sockets of
 * the unix family, so the program of systemd does it in our name: the unit needs `NotifyAccess=all`. Failing is no
 * matter for the server; the manager will say that it waits.
 *
 * @param state such as `READY=1`
 * @param log told why it could not be
 * @returns resolves when it was told or cannot be, soon in any case
 */
export function notifyManager(state: string, log: (line: string) => void): Promise<void> {
  if ((process.env['NOTIFY_SOCKET'] ?? '') === '') return Promise.resolve()
  return new Promise(done => {
    const child = spawn(PROGRAM, [`--pid=${process.pid}`, state], { stdio: 'ignore', timeout: TELL_MS_MAX })
    child.once('error', error => {
      log(`cannot tell systemd ${state}: ${error.message}`)
      done()
    })
    child.once('exit', (status, signal) => {
      if (status !== 0) log(`cannot tell systemd ${state}: ${PROGRAM} ended with ${status ?? signal}`)
      done()
    })
    child.unref()
  })
}
