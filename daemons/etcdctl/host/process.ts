import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { errorCode } from '#lib/errors.ts'
import { backUpData } from '../../etcd/client.ts'
import type { Io } from '../io.ts'
import { discover } from './discovery.ts'
import { askPassword } from './password.ts'

/** The world of a command that runs as a process of its own. */
export function processIo(): Io {
  // `etcdctl ls | head -1` closes the pipe: nobody is left to write for.
  process.stdout.on('error', error => process.exit(errorCode(error) === 'EPIPE' ? 0 : 1))
  return {
    env: process.env,
    out: line => void process.stdout.write(line),
    err: line => void process.stderr.write(line),
    readInput: () => text(process.stdin),
    askPassword,
    interrupt,
    start,
    readFile: readNamed,
    discover,
    backUp: backUpData,
  }
}

function interrupt(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort(new Error('interrupted')))
  return controller.signal
}

function start(file: string, words: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.once('spawn', resolve)
    child.once('error', error => reject(startFailure(file, error)))
  })
}

/** Why a program could not be started, in the words that the original has for it. */
export function startFailure(file: string, error: Error): Error {
  // A folder of PATH that may not be looked into gives EACCES, though the program may be nowhere.
  const isAbsent = ['ENOENT', 'EACCES'].includes(errorCode(error) ?? '')
  const missing = isAbsent && !file.includes('/')
  return missing ? new Error(`exec: "${file}": executable file not found in $PATH`) : error
}

async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const why = OPEN_ERRORS.get(errorCode(error) ?? '')
    throw why === undefined ? error : new Error(`open ${path}: ${why}`)
  }
}

const OPEN_ERRORS = new Map([
  ['ENOENT', 'no such file or directory'],
  ['EACCES', 'permission denied'],
  ['ENOTDIR', 'not a directory'],
  ['EISDIR', 'is a directory'],
])
