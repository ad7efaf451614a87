import { EtcdClient } from '#lib/etcd/client.ts'
import { HttpTransport } from '#lib/etcd/host/transport.ts'
import type { ConnectOptions, StoreConnection } from '../io.ts'
import { readCertificates } from './certificates.ts'
import { hostAndPort, openTunnel } from './tunnel.ts'

/** Connects to the etcd of the registry: directly, or through an SSH host. Nothing is sent yet. */
export async function connectStore(options: ConnectOptions): Promise<StoreConnection> {
  const { endpoints, timeoutMs, skipVerify } = options
  const tls = { ...(await readCertificates(options)), skipVerify }
  const targets = [...new Set(endpoints.map(hostAndPort))]
  const tunnel = options.tunnel === '' ? undefined : await openTunnel(options.ssh, targets)
  const socketOf = (url: URL): string | undefined => tunnel?.sockets[targets.indexOf(hostAndPort(url.href))]
  const dial = timeoutMs > 0 ? { dialTimeoutMs: timeoutMs } : {}
  const transport = new HttpTransport({ tls, socketOf, ...dial })
  const client = new EtcdClient({ endpoints, transport, headerTimeoutMs: timeoutMs })
  return {
    keys: client.keys,
    close: () => {
      client.close()
      tunnel?.close()
    },
  }
}
