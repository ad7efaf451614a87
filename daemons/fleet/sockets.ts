/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const FIRST_FD = 3
const FDS_MAX = 64

/** Descriptors of the sockets that systemd has passed to this process. */
export function passedSockets(env: Readonly<Record<string, string | undefined>>, pid: number): number[] {
  if (env.LISTEN_PID !== String(pid)) return []
  const count = Number(env.LISTEN_FDS ?? '0')
  if (!Number.isInteger(count) || count < 0 || count > FDS_MAX) return []
  return Array.from({ length: count }, (_, index) => FIRST_FD + index)
}
