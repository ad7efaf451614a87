import t from 'tap'
import { sshArguments } from './ssh-arguments.ts'

t.test('nothing of the user is used', async t => {
  const args = sshArguments({ user: 'core', port: 4022 }, 'echo hi', false)
  t.same(args.slice(0, 2), ['-F', 'none'])
  for (const option of [
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'UserKnownHostsFile=known_hosts',
    'BatchMode=yes',
  ])
    t.ok(args.includes(option), option)
  t.same(args.slice(-4), ['-T', 'core@127.0.0.1', '--', 'echo hi'])
})

t.test('a login shell on a terminal', async t => {
  t.same(sshArguments({ user: 'core', port: 1 }, undefined, true).slice(-2), ['-t', 'core@127.0.0.1'])
})

t.test('the agent, when it is asked for', async t => {
  const args = sshArguments({ user: 'core', port: 1, forwardAgent: true }, undefined, true)
  for (const option of ['IdentityAgent=SSH_AUTH_SOCK', 'ForwardAgent=yes'])
    t.ok(args.includes(option), option)
  t.ok(sshArguments({ user: 'core', port: 1 }, undefined, true).includes('ForwardAgent=no'))
})
