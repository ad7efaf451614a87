import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { errorCode } from '#lib/errors.ts'
import type { Io } from '../io.ts'
import { connectApi } from './connect.ts'
import { makeFolderOf } from './folder.ts'
import { connectStore } from './store.ts'

const MACHINE_ID = '/etc/machine-id'
const USERS = '/etc/passwd'
const HOME_FIELD = 5
const NOT_FOUND_STATUS = 127

/** Ends the process when nobody reads what it prints any more, as in `fleetctl events | head`. */
export function endWithReader(): void {
  process.stdout.on('error', error => process.exit(errorCode(error) === 'EPIPE' ? 0 : 1))
}

/** The process as the program sees it. */
export function processIo(): Io {
  return {
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
    env: process.env,
    argv: process.argv,
    readFile: readIfThere,
    now: () => performance.now(),
    sleep: ms => pause(ms),
    connect: connectApi,
    connectStore,
    newId: () => randomUUID(),
    run,
    makeFolderOf,
    homeOf,
    machineId: async () => ((await readIfThere(MACHINE_ID)) ?? '').trim(),
    joinSocket,
    isTerminal: process.stdin.isTTY === true,
  }
}

async function homeOf(user: string): Promise<string | undefined> {
  const users = (await readIfThere(USERS)) ?? ''
  return users
    .split('\n')
    .map(line => line.split(':'))
    .find(([name]) => name === user)?.[HOME_FIELD]
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}

async function run(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit' })
  return await new Promise(resolve => {
    child.once('error', error => {
      process.stderr.write(`${program}: ${error.message}\n`)
      resolve(NOT_FOUND_STATUS)
    })
    child.once('exit', code => resolve(code ?? 255))
  })
}

async function joinSocket(path: string): Promise<void> {
  const socket = connect({ path, allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  await Promise.all([pipeline(process.stdin, socket), pipeline(socket, process.stdout, { end: false })])
}
