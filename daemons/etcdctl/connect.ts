import { quote } from '#lib/cli/quote.ts'
import { EtcdClient } from '#lib/etcd/client.ts'
import { isUnreachable, NoEndpointsError } from '#lib/etcd/errors.ts'
import type { TlsFiles } from '#lib/etcd/host/transport.ts'
import type { EtcdRequest } from '#lib/etcd/request.ts'
import type { Call } from './command.ts'
import { ExitCode, Failure, failure, messageOf } from './exit.ts'
import type { Io } from './io.ts'
import { parseEndpoint, type Settings } from './settings.ts'

const DIAL_TIMEOUT_MS = 30_000

/** A client and the time that the command has. */
export interface Connection {
  client: EtcdClient
  /** Ends when the command's time is over; a new one for each part of the work, as the original counts it. */
  deadline(): AbortSignal | undefined
}

/**
 * Runs part of a command with a client, which is closed at its end.
 *
 * @param options.sync false: never ask for the members, whatever the flags say
 * @param options.announce how often `--debug` names the endpoints; the original does it twice for users and roles
 * @throws Failure when no client can be made or nobody can be reached
 */
export async function withClient<T>(
  call: Call,
  use: (connection: Connection) => Promise<T>,
  options: { sync?: boolean; announce?: number } = {},
): Promise<T> {
  const { settings, io } = call
  const client = await openClient(settings, io)
  const connection: Connection = { client, deadline: () => deadlineOf(settings) }
  try {
    if (options.sync !== false && settings.sync) await sync(connection, settings, io)
    if (settings.debug)
      io.err(`Cluster-Endpoints: ${client.endpoints.join(', ')}\n`.repeat(options.announce ?? 1))
    return await use(connection)
  } finally {
    client.close()
  }
}

async function openClient(settings: Settings, io: Io): Promise<EtcdClient> {
  try {
    const endpoints = await findEndpoints(settings, io)
    const tls = await readTls(settings, io)
    const credentials =
      settings.username === '' ? undefined : await splitUser(settings.username, 'Password: ', io)
    const { timeoutMs, totalTimeoutMs } = settings
    const dialTimeoutMs = totalTimeoutMs > 0 ? Math.min(totalTimeoutMs, DIAL_TIMEOUT_MS) : DIAL_TIMEOUT_MS
    const trace = settings.debug
      ? (endpoint: string, request: EtcdRequest) =>
          io.err(`cURL Command: ${curlCommand(endpoint, request)}\n`)
      : undefined
    const base = { endpoints, tls, credentials, headerTimeoutMs: timeoutMs, dialTimeoutMs }
    return new EtcdClient(trace === undefined ? base : { ...base, trace })
  } catch (error) {
    throw new Failure(ExitCode.badArguments, `${messageOf(error)}\n`)
  }
}

/** The curl command that makes the same request. */
export function curlCommand(endpoint: string, { method, path, body }: EtcdRequest): string {
  const data = body === undefined ? '' : ` -d ${quote(body)}`
  return `curl -X ${method} ${endpoint}${path}${data}`
}

/** Splits `user:password`; asks for the password when there is no colon. */
export async function splitUser(
  word: string,
  prompt: string,
  io: Io,
): Promise<{ username: string; password: string }> {
  const colon = word.indexOf(':')
  if (colon >= 0) return { username: word.slice(0, colon), password: word.slice(colon + 1) }
  return { username: word, password: await io.askPassword(prompt) }
}

/**
 * Learns the members' endpoints. That nobody can be reached ends the command; any other failure leaves the given
 * endpoints in use.
 */
async function sync({ client, deadline }: Connection, settings: Settings, io: Io): Promise<void> {
  const say = (line: string): void => (settings.debug ? io.err(line) : undefined)
  say(`start to sync cluster using endpoints(${client.endpoints.join(',')})\n`)
  try {
    await client.sync(deadline())
  } catch (error) {
    if (error instanceof NoEndpointsError) {
      io.err('etcd cluster has no published client endpoints.\n')
      const given = client.endpoints.join(',')
      io.err(`Try '--no-sync' if you want to access non-published client endpoints(${given}).\n`)
      throw failure(ExitCode.serverError, error)
    }
    if (isUnreachable(error)) throw failure(ExitCode.badConnection, error)
  }
  say(`got endpoints(${client.endpoints.join(',')}) after sync\n`)
}

/**
 * SRV records, or what the flags say. Of SRV records those with TLS are taken when there are any; the original was
 * meant to refuse the others without `--insecure-discovery`, did not, and people rely on it.
 */
async function findEndpoints(settings: Settings, io: Io): Promise<string[]> {
  const { discoveryDomain, insecureDiscovery, endpoints } = settings
  if (discoveryDomain === '') return endpoints.map(parseEndpoint)
  const { secure, insecure } = await io.discover(discoveryDomain)
  if (insecureDiscovery || secure.length === 0) return [...secure, ...insecure]
  for (const endpoint of insecure) io.err(`ignoring discovered insecure endpoint ${quote(endpoint)}\n`)
  return secure
}

async function readTls(settings: Settings, io: Io): Promise<TlsFiles> {
  const { certFile, keyFile, caFile, discoveryDomain } = settings
  if ((certFile === '') !== (keyFile === ''))
    throw new Error(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`)
  const read = async (path: string, what: string): Promise<string | undefined> => {
    if (path === '') return undefined
    const text = await io.readFile(path)
    if (!text.includes(`${what}-----`)) throw new Error(`${path} holds no ${what.toLowerCase()} in PEM form`)
    return text
  }
  const cert = await read(certFile, 'CERTIFICATE')
  const key = await read(keyFile, 'PRIVATE KEY')
  const ca = await read(caFile, 'CERTIFICATE')
  return { cert, key, ca, serverName: discoveryDomain || undefined }
}

function deadlineOf({ totalTimeoutMs }: Settings): AbortSignal | undefined {
  return totalTimeoutMs > 0 ? AbortSignal.timeout(totalTimeoutMs) : undefined
}
