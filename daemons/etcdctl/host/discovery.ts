import { resolveSrv } from 'node:dns/promises'

/**
 * Asks DNS for the client endpoints of a domain: `_etcd-client-ssl._tcp` names those with TLS, `_etcd-client._tcp`
 * those without.
 *
 * @throws Error when neither gives any
 */
export async function discover(domain: string): Promise<{ secure: string[]; insecure: string[] }> {
  const problems: string[] = []
  const look = async (service: string, scheme: string): Promise<string[]> => {
    const name = `_${service}._tcp.${domain}`
    try {
      const records = await resolveSrv(name)
      records.sort((a, b) => a.priority - b.priority || b.weight - a.weight)
      return records.map(record => `${scheme}://${record.name.replace(/\.$/, '')}:${record.port}`)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      problems.push(`lookup ${name}: ${code === 'ENOTFOUND' ? 'no such host' : describe(error)}`)
      return []
    }
  }
  const secure = await look('etcd-client-ssl', 'https')
  const insecure = await look('etcd-client', 'http')
  if (secure.length + insecure.length === 0) throw new Error(`dns lookup errors: ${problems.join(' and ')}`)
  return { secure, insecure }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
