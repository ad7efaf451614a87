import { setTimeout as pause } from 'node:timers/promises'
import type { EtcdClient } from '#lib/etcd/client.ts'
import { jsonRequest } from '#lib/etcd/request.ts'
import type { Member } from '#lib/etcd/types.ts'
import { boolFlag, type Call, type Command } from '../command.ts'
import { withClient } from '../connect.ts'
import { ExitCode, failure, messageOf } from '../exit.ts'

const CHECK_INTERVAL_S = 10

/** Asks every member whether it is well. */
export const HEALTH_COMMAND: Command = {
  name: 'cluster-health',
  usage: 'ask every member whether it is healthy',
  flags: [boolFlag('forever', `ask again every ${CHECK_INTERVAL_S} seconds until Ctrl-C`, 'f')],
  run: health,
}

async function health(call: Call): Promise<number> {
  const { flags, io, settings } = call
  const forever = flags.on('forever')
  const interrupted = forever ? io.interrupt() : new AbortController().signal
  return await withClient(
    call,
    async ({ client, deadline }) => {
      let members: Member[]
      try {
        members = await client.members.list(deadline())
      } catch (error) {
        io.out('cluster may be unhealthy: failed to list members\n')
        throw failure(ExitCode.serverError, error)
      }
      for (;;) {
        let healthy = 0
        for (const member of members) {
          const { well, lines } = await check(client, member, settings.timeoutMs, interrupted)
          if (interrupted.aborted) return ExitCode.success
          io.out(lines)
          if (well) healthy += 1
        }
        io.out(`cluster is ${verdict(healthy, members.length)}\n`)
        if (!forever) return healthy === members.length ? ExitCode.success : ExitCode.clusterUnhealthy
        io.out(`\nnext check after ${CHECK_INTERVAL_S} second...\n\n`)
        if (!(await rest(interrupted))) return ExitCode.success
      }
    },
    { sync: false },
  )
}

/** In the original the check of one member had no limit of time, so a member that hung held up the answer. */
async function check(
  client: EtcdClient,
  { id, clientURLs }: Member,
  timeoutMs: number,
  interrupted: AbortSignal,
): Promise<{ well: boolean; lines: string }> {
  if (clientURLs.length === 0)
    return { well: false, lines: `member ${id} is unreachable: no available published client urls\n` }
  let lines = ''
  for (const url of clientURLs) {
    const signal =
      timeoutMs > 0 ? AbortSignal.any([interrupted, AbortSignal.timeout(timeoutMs)]) : interrupted
    try {
      const { body } = await client.performAt(url, jsonRequest('GET', '/health'), signal)
      const well = isHealthy(body)
      const word = well ? 'healthy' : 'unhealthy'
      return { well, lines: `${lines}member ${id} is ${word}: got ${word} result from ${url}\n` }
    } catch (error) {
      lines += `failed to check the health of member ${id} on ${url}: ${describe(url, error)}\n`
    }
  }
  return {
    well: false,
    lines: `${lines}member ${id} is unreachable: [${clientURLs.join(' ')}] are all unreachable\n`,
  }
}

/** The answer is the string "true" since 2.1, and was the boolean before. */
function isHealthy(body: string): boolean {
  const answer: unknown = JSON.parse(body)
  if (typeof answer !== 'object' || answer === null || !('health' in answer)) return false
  return answer.health === 'true' || answer.health === true
}

function describe(url: string, error: unknown): string {
  if (error instanceof SyntaxError) return messageOf(error)
  const timeout = error instanceof Error && error.name === 'TimeoutError'
  return `Get "${url}/health": ${timeout ? 'context deadline exceeded' : messageOf(error)}`
}

function verdict(healthy: number, all: number): string {
  if (healthy === all) return 'healthy'
  return healthy === 0 ? 'unavailable' : 'degraded'
}

async function rest(interrupted: AbortSignal): Promise<boolean> {
  try {
    await pause(CHECK_INTERVAL_S * 1000, undefined, { signal: interrupted })
    return true
  } catch {
    return false
  }
}
