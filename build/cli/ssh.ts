import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { shellQuote } from '../vm/arguments.ts'
import type { ProgramCommand } from '../vm/programs.ts'
import { Ssh } from '../vm/ssh.ts'
import type { Command } from './command.ts'
import { lookUp, namedMachine, notRunning, openTools } from './machines.ts'

/** `orlop ssh`. */
export const sshCommand: Command = {
  name: 'ssh',
  summary: 'a shell or a command in a machine, by SSH',
  usage: '[NAME] [-- COMMAND [ARGUMENT]...]',
  flags: {},
  operands: { min: 0, max: 1 },
  examples: [
    ['npm run orlop -- ssh', 'a shell as user core'],
    [
      'npm run orlop -- ssh -- docker run busybox /bin/echo hello world',
      'its exit status is that of the command',
    ],
    ["npm run orlop -- ssh two -- 'journalctl -b | grep -i verity'", 'one word is a line for the shell'],
  ],
  async run(parsed, context) {
    const { name, folder } = namedMachine(parsed)
    const found = await lookUp(folder)
    const port = found?.running ? found.record.sshPort : undefined
    if (port === undefined) throw notRunning(name, found !== undefined)
    const { host } = await openTools(context)
    const ssh = new Ssh(folder, host.programs, { user: 'core', port })
    const command =
      parsed.rest === undefined || parsed.rest.length === 0 ? undefined : remoteCommand(parsed.rest)
    const terminal = context.interactive
    const program = ssh.command(command, terminal)
    if (!terminal) return await runPlain(program, folder, context.signal)
    const { attach } = await import('../vm/attach.ts')
    const { Terminal } = await import('../vm/terminal.ts')
    const env = { ...program.env, TERM: process.env['TERM'] ?? 'xterm' }
    return (
      (await attach(Terminal.spawn({ ...program, env }, { cwd: folder }), process.stdin, process.stdout)) ?? 0
    )
  },
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
