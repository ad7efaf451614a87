// Joins its standard streams to the serial console of a machine. It runs on a pseudo-terminal of `orlop console`, or
// within a pipe.
//
//   node build/vm/console-relay.ts FOLDER

import { join } from 'node:path'
import { FILES } from './arguments.ts'
import { connectUnix } from './sockets.ts'

const CONNECT_TIMEOUT_MS = 5000

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('usage: console-relay.ts FOLDER\n')
  process.exit(2)
}
const socket = await connectUnix(join(folder, FILES.console), CONNECT_TIMEOUT_MS)
// Every key is the guest's, ^C too.
if (process.stdin.isTTY) process.stdin.setRawMode(true)
process.stdin.on('data', chunk => socket.write(chunk))
socket.on('data', chunk => process.stdout.write(chunk))
socket.on('error', () => process.exit(1))
socket.on('close', () => {
  process.stdout.write('\r\n[the machine ended]\r\n', () => process.exit(0))
})
