import { Ssh } from '../vm/ssh.ts'
import type { CliContext } from './command.ts'
import { lookUp, type NamedMachine, openTools } from './machines.ts'

/** Members of a new cluster wait for one another, the last of which may just have booted. */
const HEALTHY_MS = 180_000
const ASK_MS = 20_000
const PAUSE_MS = 1000

/** Whether user-data starts an etcd on each machine. */
export function startsEtcd(userData: string): boolean {
  return (
    /^\s*-?\s*name:\s*["']?etcd2?\.service/m.test(userData) || /"name":\s*"etcd2?\.service"/.test(userData)
  )
}

/** Whether `etcdctl cluster-health` speaks of a healthy cluster of so many members. */
export function isHealthy(output: string, count: number): boolean {
  const members = output.match(/^member \S+ is healthy/gm) ?? []
  return /^cluster is healthy$/m.test(output) && members.length >= count
}

/**
 * Waits until the machines have formed a cluster, when their user-data has them do so, and shows what etcd says of it.
 * That it takes too long is told and no failure: the machines are up.
 */
export async function waitHealthy(
  machines: readonly NamedMachine[],
  userData: string,
  context: CliContext,
): Promise<void> {
  if (!startsEtcd(userData)) return
  const { host } = await openTools(context)
  const [first] = machines
  const port = (await lookUp(first!.folder))?.record.sshPort
  if (port === undefined) return
  const ssh = new Ssh(first!.folder, host.programs, { user: 'core', port })
  const task = context.progress.begin('Waiting for the etcd cluster')
  const endMs = performance.now() + HEALTHY_MS
  let output = ''
  while (performance.now() < endMs && !context.signal.aborted) {
    const answer = await ssh.exec('etcdctl cluster-health', { timeoutMs: ASK_MS }).catch(() => undefined)
    output = answer === undefined ? '' : answer.stdout + answer.stderr
    if (isHealthy(output, machines.length)) {
      task.end()
      for (const line of output.trim().split('\n')) context.print(line)
      return
    }
    await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
  }
  task.end('not yet')
  context.progress.note(
    `etcd is not healthy yet: ${output.trim().split('\n').at(-1) || 'no answer'}; see \`npm run orlop -- ssh ${first!.name} -- journalctl -u etcd\``,
  )
}
