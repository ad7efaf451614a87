import { spawn } from 'node:child_process'
import { backUpData } from '../../../daemons/etcd/client.ts'
import { discover } from '../../../daemons/etcdctl/host/discovery.ts'
import { startFailure } from '../../../daemons/etcdctl/host/process.ts'
import type { Io } from '../../../daemons/etcdctl/io.ts'
import { runProgram } from '../../../daemons/etcdctl/program.ts'
import type { Answer, Step } from './script.ts'

/** Runs one step of a script. */
export type Client = (step: Step, env: Readonly<Record<string, string>>) => Promise<Answer>

/** Longer than any command waits, so that one that hangs is seen as such. */
const COMMAND_TIMEOUT_MS = 15_000

/** A program of its own, such as the original. */
export function programClient(file: string): Client {
  return (step, env) =>
    new Promise((resolve, reject) => {
      const child = spawn(file, step.words, { env: { ...env, PATH: process.env.PATH } })
      const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS)
      const answer: Answer = { out: '', err: '', status: 0 }
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        answer.out += chunk
        if (isEnough(step, answer.out)) child.kill('SIGINT')
      })
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        answer.err += chunk
      })
      child.stdin.on('error', () => undefined)
      child.stdin.end(step.input)
      child.on('error', reject)
      child.on('close', (code, signal) => {
        clearTimeout(timer)
        if (signal !== null) reject(new Error(`${step.line}: ended by ${signal}: ${answer.out}${answer.err}`))
        else resolve({ ...answer, status: code ?? -1 })
      })
    })
}

/** Our own program inside this process, which saves the time to start one for each command. */
export const ownClient: Client = async (step, env) => {
  const answer: Answer = { out: '', err: '', status: 0 }
  const interrupter = new AbortController()
  const io: Io = {
    env,
    out: text => {
      answer.out += text
      if (isEnough(step, answer.out)) interrupter.abort(new Error('interrupted'))
    },
    err: text => {
      answer.err += text
    },
    readInput: async () => step.input,
    askPassword: async prompt => {
      answer.out += `${prompt}\n`
      return step.input.split('\n')[0]!
    },
    interrupt: () => interrupter.signal,
    // The events come faster than programs end, so this waits for none of them, as the real thing.
    start: (file, words, extra) =>
      startCaptured(file, words, { ...env, ...extra, PATH: process.env.PATH ?? '' }, out => {
        answer.out += out
        if (isEnough(step, answer.out)) interrupter.abort(new Error('interrupted'))
      }),
    readFile: async path => {
      throw new Error(`open ${path}: no such file or directory`)
    },
    discover,
    backUp: backUpData,
  }
  answer.status = await runProgram(step.words, io)
  return answer
}

function isEnough(step: Step, out: string): boolean {
  return step.interruptAfter !== undefined && out.split('\n').length > step.interruptAfter
}

function startCaptured(
  file: string,
  words: readonly string[],
  env: Record<string, string>,
  onOutput: (out: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
    })
    child.on('spawn', resolve)
    child.on('error', error => reject(startFailure(file, error)))
    child.on('close', () => onOutput(out))
  })
}
