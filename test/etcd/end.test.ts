// What a service manager, a container and the other members see of a start and an end.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ownFolder, Place, Program, until } from './lib/program.ts'

const ETCD = 'daemons/etcd/main.ts'
/** Node has no datagram sockets of the unix family; perl is on every Debian. */
const RECEIVER = `use Socket; $| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; bind(S, sockaddr_un($ARGV[0])) or die;
print "bound\\n"; while (defined recv(S, $b, 4096, 0)) { print "$b\\n--\\n" }`
const OWN_PROCESSES = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc']

function canRun(file: string, args: readonly string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0
}

/** Takes what a service is told to send. */
class Manager {
  heard = ''
  readonly #child: ChildProcess

  constructor(t: Test, path: string) {
    this.#child = spawn('perl', ['-e', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.heard += text
    })
    const ended = new Promise<void>(done => this.#child.on('close', () => done()))
    t.teardown(() => {
      this.#child.kill()
      return ended
    })
  }

  async hears(text: string): Promise<void> {
    await until(text, () => this.heard.includes(text) || undefined)
  }
}

const hasNotify = canRun('systemd-notify', ['--version']) && canRun('perl', ['-MSocket', '-e', '1'])
t.test('a service manager', { skip: hasNotify ? false : 'systemd-notify or perl is missing' }, async t => {
  const folder = await ownFolder(t)
  const [n1, n2] = [new Place('n1', folder), new Place('n2', folder)]
  const socket = join(folder, 'notify')
  const manager = new Manager(t, socket)
  await manager.hears('bound')
  const flags = ['--initial-cluster', `${n1.entry},${n2.entry}`]
  const p1 = new Program(t, ETCD, [...n1.flags, ...flags], {
    NOTIFY_SOCKET: socket,
    PATH: process.env['PATH']!,
  })
  await p1.says('listening for client requests')
  t.equal(manager.heard, 'bound\n', 'not ready before it has a leader')
  const p2 = n2.start(t, flags)
  await manager.hears('READY=1')
  await p2.says('published')
  t.equal((await n1.ask('GET', '/health')).body, '{"health":"true"}')
  t.match(manager.heard, `MAINPID=${p1.pid}`, 'the process that was started is the server itself')
  p1.signal('SIGTERM')
  t.equal(await p1.ended(), 'SIGTERM')
  await manager.hears('STOPPING=1')

  const wrong = new Program(t, ETCD, [...n1.flags, ...flags], {
    NOTIFY_SOCKET: '/nowhere',
    PATH: process.env['PATH']!,
  })
  await wrong.says('cannot tell systemd READY=1: ')
  t.equal((await n1.ask('GET', '/health')).status, 200, 'and serves nevertheless')
})

const canUnshare = canRun('unshare', [...OWN_PROCESSES.slice(1), 'true'])
t.test('the first process of a container', { skip: canUnshare ? false : 'no namespaces' }, async t => {
  const place = new Place('n1', await ownFolder(t))
  const start = () => new Program(t, ETCD, place.flags, {}, [...OWN_PROCESSES, '--kill-child'])
  const childOf = async (pid: number) => Number(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))
  const killed = start()
  await killed.says('published')
  t.equal(await place.set('/a', '1'), 201)
  process.kill(await childOf(killed.pid), 'SIGKILL')
  await killed.ended()
  const first = start()
  await first.says('published')
  t.equal(await place.get('/a'), '1', 'the lock of the one before, which had the same number, is left over')
  process.kill(await childOf(first.pid), 'SIGTERM')
  t.equal(await first.ended(), 0, 'signals do not end it: it ends by itself')
  t.match(first.log, 'received terminated signal, shutting down')
})
