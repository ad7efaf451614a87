import { createHash } from 'node:crypto'
import type { ClusterConfig } from './config.ts'

/** One machine of a cluster, by its number. */
export interface Member {
  /** From 1 on. */
  number: number
  name: string
  /** In the network that the machines share; what `$private_ipv4` and `$public_ipv4` become. */
  address: string
  /** Of the card in that network. */
  mac: string
  /** Ports of this host that lead into it. */
  forwards: { guest: number; host: number }[]
}

/** The network between the machines, that of coreos-vagrant. */
export const NETWORK = '172.17.8'
/** Bits of its netmask. */
export const PREFIX_BITS = 24
/** Where the host answers questions for names and for the time. */
export const HOST_ADDRESS = `${NETWORK}.1`
/** The domain that short names are looked up in. */
export const DOMAIN = 'orlop.internal'
const FIRST_ADDRESS = 100
const DOCKER_PORT = 2375
const PEER_PORT = 2380

/** The machines that a config asks for. */
export function planMembers(config: ClusterConfig): Member[] {
  return Array.from({ length: config.numInstances }, (_, index) => planMember(config, index + 1))
}

/** The machine of this name; undefined when a name is none that this cluster gives, whether it has so many or not. */
export function memberNamed(config: ClusterConfig, name: string): Member | undefined {
  const prefix = `${config.instanceNamePrefix}-`
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  if (!/^\d{2}$/.test(digits) || Number(digits) === 0) return undefined
  return planMember(config, Number(digits))
}

function planMember(config: ClusterConfig, number: number): Member {
  const name = `${config.instanceNamePrefix}-${String(number).padStart(2, '0')}`
  const offset = number - 1
  const forwards = [...config.forwardedPorts].map(([guest, host]) => ({ guest, host: host + offset }))
  if (config.exposeDockerTcp !== undefined)
    forwards.push({ guest: DOCKER_PORT, host: config.exposeDockerTcp + offset })
  return { number, name, address: `${NETWORK}.${FIRST_ADDRESS + number}`, mac: macOf(name), forwards }
}

/** An address that is always the same for a name, locally administered, of one card (IEEE 802: bits 1 and 0). */
function macOf(name: string): string {
  const bytes = createHash('sha256').update(`orlop cluster ${name}`).digest().subarray(0, 6)
  bytes[0] = (bytes[0]! & 0xfc) | 0x02
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(':')
}

/** What a machine is told about itself, beside the user-data (`opt/io.orlop/metadata`). */
export function memberMetadata(
  member: Member,
  more: { late?: readonly Member[]; channel?: string | undefined },
): string {
  return `${JSON.stringify({
    hostname: member.name,
    private_ipv4: member.address,
    public_ipv4: member.address,
    // The etcd of the cluster was founded without it, or with the disk it had: it has to join (`etcd --rejoin`).
    ...(more.late === undefined ? {} : { etcd_rejoin: more.late.map(peerOf).join() }),
    ...(more.channel === undefined ? {} : { update_group: more.channel }),
    network: [
      {
        mac: member.mac,
        address: `${member.address}/${PREFIX_BITS}`,
        dns: [HOST_ADDRESS],
        domains: [DOMAIN],
        ntp: [HOST_ADDRESS],
      },
    ],
  })}\n`
}

/** A member as in `--initial-cluster` of etcd, by the port that the sample user-data has. */
function peerOf({ name, address }: Member): string {
  return `${name}=http://${address}:${PEER_PORT}`
}
