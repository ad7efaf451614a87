// Serves a registry folder to the one connection on standard input and output. QEMU's user network starts it for
// each connection of the guest, so no server of ours listens on the host and none outlives the machine.
//
//   node build/vm/registry/main.ts FOLDER

import { Socket } from 'node:net'
import { registryServer } from './folder.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('usage: main.ts FOLDER\n')
  process.exit(2)
}
// Standard input and output are the two directions of one socket.
const connection = new Socket({ fd: 0, readable: true, writable: true })
connection.on('error', () => process.exit(0))
connection.on('close', () => process.exit(0))
registryServer(folder).emit('connection', connection)
