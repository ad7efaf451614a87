import type { Findings } from './findings.ts'
import { ETCD } from './sections.ts'
import { type Setting, settingsOf } from './settings.ts'
import type { View } from './view.ts'

/** A token behind a service, as etcd asks for it. */
const DISCOVERY = /^https?:\/\/[^\s/<>$]+\/[^\s<>$]+$/
/** Keys of etcd 0.4 by what they are called since 2.0. */
const RENAMED: Readonly<Record<string, string>> = {
  ca_file: 'trusted_ca_file',
  cert_file: 'cert_file',
  cors: 'cors',
  data_dir: 'data_dir',
  discovery: 'discovery',
  key_file: 'key_file',
  name: 'name',
  peer_ca_file: 'peer_trusted_ca_file',
  peer_cert_file: 'peer_cert_file',
  peer_election_timeout: 'election_timeout',
  peer_heartbeat_interval: 'heartbeat_interval',
  peer_key_file: 'peer_key_file',
  snapshot_count: 'snapshot_count',
  verbose: 'debug',
  very_verbose: 'debug',
  very_very_verbose: 'debug',
}
/** Keys whose `HOST:PORT` is a URL today. */
const ADDRESSES: Readonly<Record<string, string>> = {
  addr: 'advertise_client_urls',
  bind_addr: 'listen_client_urls',
  peer_addr: 'initial_advertise_peer_urls',
  peer_bind_addr: 'listen_peer_urls',
}
/** What these did comes by itself, or is done in another way. */
const ENDED: Readonly<Record<string, string>> = {
  cluster_active_size: 'the size is a property of the discovery token',
  peers: 'name them in initial-cluster of etcd2',
  peers_file: 'name them in initial-cluster of etcd2',
}

/** What `coreos.etcd`, of etcd 0.4, sets for an etcd of today, in the order of the section. */
export function translateEtcd(section: View, findings: Findings): Setting[] {
  const settings = new Map<string, string>()
  for (const { key, value } of settingsOf(section, ETCD)) {
    const address = ADDRESSES[key]
    const renamed = RENAMED[key]
    if (address !== undefined) settings.set(address, urlOf(value, section, key))
    else if (renamed !== undefined) settings.set(renamed, value)
    else
      findings.warning(
        section.at(key),
        `${key} was of etcd 0.4 only, and does nothing: ${ENDED[key] ?? 'there is none of its kind any more'}`,
      )
  }
  return [...settings].map(([key, value]) => ({ key, value }))
}

/** Looks at what etcd would only say when it starts. */
export function checkEtcd(coreos: View, findings: Findings): void {
  for (const name of ['etcd', 'etcd2']) {
    const section = coreos.map(name)
    const url = section.line('discovery')
    if (url === undefined) continue
    const isToken = url.includes('<')
    if (!DISCOVERY.test(url))
      findings.warning(
        section.at('discovery'),
        `discovery: ${url} is no URL of a token${isToken ? ': put the one of your cluster in its place' : ''}`,
      )
    for (const other of ['initial_cluster', 'discovery_srv'])
      if (section.has(other))
        findings.warning(section.at(other), `etcd takes one of discovery and ${other.replaceAll('_', '-')}`)
  }
  if (coreos.has('etcd') && coreos.has('etcd2'))
    findings.warning(coreos.at('etcd'), 'etcd and etcd2 set up the same service: keep etcd2')
}

/** With a certificate it speaks TLS. */
function urlOf(address: string, section: View, key: string): string {
  if (/^https?:/.test(address)) return address
  const certificate = key.startsWith('peer') ? 'peer_cert_file' : 'cert_file'
  return `${section.has(certificate) ? 'https' : 'http'}://${address}`
}
