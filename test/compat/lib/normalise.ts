import type { Answer } from './script.ts'

/** What differs from server to server without meaning. */
export interface Names {
  client: string
  peer: string
}

const TTL_STEP_SECONDS = 50

/**
 * Takes out of an answer what cannot be the same in two runs, and nothing else:
 *
 * 1. The server's URLs: its ports are whichever were free.
 * 2. Ids of members and cluster, which are hashes of those URLs.
 * 3. Times at which keys expire.
 * 4. Messages of `stty`, which the original starts to hide a password even when there is no terminal.
 * 5. Help pages after their first section title: ours has words of its own. The message before it stays.
 * 6. The DNS server that the original names when a name is not found.
 * 7. The version of the program.
 * 8. Seconds that run down meanwhile: rounded up to fifties.
 * 9. The order of the members of a new cluster, which is that of their ids.
 * 10. The advice to read a web page, which the original adds to a member's name given in place of its id.
 */
export function normalise({ out, err, status }: Answer, names: Names): Answer {
  return { out: text(out, names), err: text(err, names), status }
}

function text(answer: string, { client, peer }: Names): string {
  return answer
    .replaceAll(client, '{client}')
    .replaceAll(client.replace('http://', ''), '{address}')
    .replaceAll(peer, '{peer}')
    .replaceAll(/(?<![0-9a-f])(?!\d+\b)[0-9a-f]{13,16}(?![0-9a-f])/g, '{id}')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '{time}')
    .replaceAll(/("ttl":|^TTL: )(\d+)/gm, (_, name, seconds) => `${name}${roundUp(Number(seconds))}`)
    .replaceAll(/^(ETCD_INITIAL_CLUSTER=")(.*)"$/gm, (_, name, list) => `${name}${sorted(list)}"`)
    .replaceAll(/^stty: .*\n/gm, '')
    .replace(/^NAME:\n.*/ms, '{help}\n')
    .replaceAll(/ on \S+:53: /g, ': ')
    .replace(/^etcdctl version: .*$/m, 'etcdctl version: {version}')
    .replace(/^For more details, read the documentation at .*\n\n/m, '')
}

function roundUp(seconds: number): number {
  return Math.ceil(seconds / TTL_STEP_SECONDS) * TTL_STEP_SECONDS
}

function sorted(list: string): string {
  return list.split(',').toSorted().join(',')
}
