import { describeFlags } from '#lib/cli/help.ts'
import { FLAG_GROUPS } from './flags.ts'

/** What clients are told, so that tools which compare versions go on. */
export const VERSION = '3.4.23'

const INTRODUCTION = `etcd: a replicated store of keys and values

usage: etcd [flags]

One node, for a try:
   etcd --data-dir /tmp/one
   curl http://127.0.0.1:2379/v2/keys/message -XPUT -d value="Hello world"

Three nodes; the same --initial-cluster everywhere, the other four with the node's own name and address:
   etcd --name n1 --data-dir /var/lib/etcd \\
     --listen-peer-urls http://10.0.0.1:2380 --initial-advertise-peer-urls http://10.0.0.1:2380 \\
     --listen-client-urls http://10.0.0.1:2379,http://127.0.0.1:2379 --advertise-client-urls http://10.0.0.1:2379 \\
     --initial-cluster n1=http://10.0.0.1:2380,n2=http://10.0.0.2:2380,n3=http://10.0.0.3:2380

Every flag may be given with one dash or two, and as an environment variable: --data-dir is ETCD_DATA_DIR.
A data directory that has been used knows its cluster: then the flags under "Clustering" have no effect.
`

/** The text of `--help`. */
export function helpText(): string {
  const groups = FLAG_GROUPS.map(({ title, flags }) => `${title}:\n${describeFlags(flags).join('\n')}\n`)
  return `${INTRODUCTION}\n${groups.join('\n')}`
}

/** The text of `--version`, in the four lines that tools read. */
export function versionText(runtime: string): string {
  return `etcd Version: ${VERSION}\nGit SHA: orlop\nGo Version: ${runtime}\nGo OS/Arch: linux/amd64\n`
}
