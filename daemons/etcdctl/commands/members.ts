import { quote } from '#lib/cli/quote.ts'
import type { Member } from '#lib/etcd/types.ts'
import type { Call, Command } from '../command.ts'
import { withClient } from '../connect.ts'
import { ExitCode, plainFailure } from '../exit.ts'

/** Commands on the members of the cluster. */
export const MEMBER_COMMANDS: Command = {
  name: 'member',
  usage: 'list, add, remove and update members',
  commands: [
    { name: 'list', usage: 'list the members and who leads', run: list },
    { name: 'add', usage: 'add a member', operands: '<name> <peerURL>', run: add },
    { name: 'remove', usage: 'remove a member for ever', operands: '<memberID>', run: remove },
    {
      name: 'update',
      usage: 'change where a member listens for its peers',
      operands: '<memberID> <peerURLs>',
      run: update,
    },
  ],
}

async function list(call: Call): Promise<number> {
  if (call.words.length > 0) throw plainFailure('No arguments accepted')
  return await withClient(call, async ({ client, deadline }) => {
    const signal = deadline()
    const members = await plain(client.members.list(signal))
    const leader = await plain(client.members.leader(signal), 'Failed to get leader:  ')
    call.io.out(members.map(member => describe(member, leader.id)).join(''))
    return ExitCode.success
  })
}

async function add(call: Call): Promise<number> {
  const [name, url] = call.words
  if (name === undefined || url === undefined || call.words.length > 2)
    throw plainFailure('Provide a name and a single member peerURL')
  return await withClient(call, async ({ client, deadline }) => {
    const signal = deadline()
    const added = await plain(client.members.add(url, signal))
    call.io.out(`Added member named ${name} with ID ${added.id} to cluster\n`)
    const members = await plain(client.members.list(signal))
    const cluster = members.flatMap(member =>
      member.peerURLs.map(peerURL => `${member.id === added.id ? name : member.name}=${peerURL}`),
    )
    call.io.out(`\nETCD_NAME=${quote(name)}\n`)
    call.io.out(`ETCD_INITIAL_CLUSTER=${quote(cluster.join(','))}\n`)
    call.io.out('ETCD_INITIAL_CLUSTER_STATE="existing"\n')
    return ExitCode.success
  })
}

async function remove(call: Call): Promise<number> {
  const [id] = call.words
  if (id === undefined || call.words.length > 1) throw plainFailure('Provide a single member ID')
  return await withClient(call, async ({ client, deadline }) => {
    const signal = deadline()
    const members = await plain(
      client.members.list(signal),
      'Error while verifying ID against known members: ',
    )
    for (const member of members.filter(candidate => candidate.name === id)) {
      call.io.err(`Found a member named ${id}; if this is correct, please use its ID, eg:\n`)
      call.io.err(`\tetcdctl member remove ${member.id}\n`)
    }
    if (!members.some(member => member.id === id))
      throw plainFailure(`Couldn't find a member in the cluster with an ID of ${id}.`)
    await plain(client.members.remove(id, signal), `Received an error trying to remove member ${id}: `)
    call.io.out(`Removed member ${id} from cluster\n`)
    return ExitCode.success
  })
}

async function update(call: Call): Promise<number> {
  const [id, urls] = call.words
  if (id === undefined || urls === undefined || call.words.length > 2) {
    const example = '(0xabcd http://example.com,http://example1.com)'
    throw plainFailure(`Provide an ID and a list of comma separated peerURL ${example}`)
  }
  return await withClient(call, async ({ client, deadline }) => {
    await plain(client.members.update(id, urls.split(','), deadline()))
    call.io.out(`Updated member with ID ${id} in cluster\n`)
    return ExitCode.success
  })
}

function describe({ id, name, peerURLs, clientURLs }: Member, leader: string): string {
  const peers = `peerURLs=${peerURLs.join(',')}`
  if (name === '') return `${id}[unstarted]: ${peers}\n`
  return `${id}: name=${name} ${peers} clientURLs=${clientURLs.join(',')} isLeader=${id === leader}\n`
}

async function plain<T>(work: Promise<T>, prefix?: string): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw plainFailure(error, prefix)
  }
}
