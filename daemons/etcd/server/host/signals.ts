const SIGNALS = ['SIGTERM', 'SIGINT'] as const
const handlers = new Map<NodeJS.Signals, () => void>()

/** Has signals that ask the process to end call back. A terminal that goes away is no reason to end a server. */
export function catchSignals(callback: (signal: NodeJS.Signals) => void): void {
  for (const signal of SIGNALS) {
    const handler = () => callback(signal)
    handlers.set(signal, handler)
    process.on(signal, handler)
  }
  process.on('SIGHUP', () => {})
}

/** Dies by the signal itself, so that whoever waits for the process sees why it ended. Returns as process 1 only. */
export function dieBy(signal: NodeJS.Signals): void {
  for (const [name, handler] of handlers) process.off(name, handler)
  if (process.pid === 1) process.exit(0)
  process.kill(process.pid, signal)
}
