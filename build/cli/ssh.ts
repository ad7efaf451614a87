import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { UserError } from '#lib/errors.ts'
import { shellQuote } from '../vm/arguments.ts'
import type { ProgramCommand } from '../vm/programs.ts'
import { Ssh } from '../vm/ssh.ts'
import type { Command } from './command.ts'
import { lookUp, namedMachine, notRunning, openTools } from './machines.ts'

/** `orlop ssh`. */
export const sshCommand: Command = {
  name: 'ssh',
  summary: 'a shell or a command in a machine, by SSH',
  usage: '[NAME] [-A] [-- COMMAND [ARGUMENT]...]',
  flags: {
    'forward-agent': { type: 'boolean', short: 'A', help: 'lets the machine use the keys of your ssh-agent' },
  },
  operands: { min: 0, max: 1 },
  examples: [
    ['npm run orlop -- ssh', 'a shell as user core on the first machine'],
    ['npm run orlop -- ssh core-02 -A', 'on another one, from where `ssh core@core-03` works with your keys'],
    [
      'npm run orlop -- ssh -- docker run busybox /bin/echo hello world',
      'its exit status is that of the command',
    ],
    ["npm run orlop -- ssh two -- 'journalctl -b | grep -i verity'", 'one word is a line for the shell'],
  ],
  async run(parsed, context) {
    const { name, folder } = await namedMachine(parsed, context)
    const found = await lookUp(folder)
    const port = found?.running ? found.record.sshPort : undefined
    if (port === undefined) throw notRunning(name, found !== undefined)
    const { host } = await openTools(context)
    const ssh = new Ssh(folder, host.programs, {
      user: 'core',
      port,
      forwardAgent: parsed.set('forward-agent'),
    })
    const command =
      parsed.rest === undefined || parsed.rest.length === 0 ? undefined : remoteCommand(parsed.rest)
    const terminal = context.interactive
    const program = withAgent(ssh.command(command, terminal), parsed.set('forward-agent'))
    if (!terminal) return await runPlain(program, folder, context.signal)
    const { attach } = await import('../vm/attach.ts')
    const { Terminal } = await import('../vm/terminal.ts')
    const env = { ...program.env, TERM: process.env['TERM'] ?? 'xterm' }
    return (
      (await attach(Terminal.spawn({ ...program, env }, { cwd: folder }), process.stdin, process.stdout)) ?? 0
    )
  },
}

/** The program with the agent of whoever calls, which it is not given otherwise. */
function withAgent(program: ProgramCommand, forward: boolean): ProgramCommand {
  if (!forward) return program
  const socket = process.env['SSH_AUTH_SOCK']
  if (socket === undefined)
    throw new UserError('orlop ssh: -A: no ssh-agent runs', 'start one with `eval $(ssh-agent)`')
  return { ...program, env: { ...program.env, SSH_AUTH_SOCK: socket } }
}

/** One word is a line for the guest's shell; several are a command and its arguments, taken literally. */
export function remoteCommand(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : words.map(shellQuote).join(' ')
}

async function runPlain(program: ProgramCommand, cwd: string, signal: AbortSignal): Promise<number> {
  const child = spawn(program.file, program.args, { cwd, env: program.env, stdio: 'inherit' })
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop)
  return await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, ended) => resolve(ended ? 128 + constants.signals[ended] : (code ?? 1)))
  })
}
