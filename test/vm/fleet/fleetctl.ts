import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { processIo } from '../../../daemons/fleetctl/host/process.ts'
import type { Io } from '../../../daemons/fleetctl/io.ts'
import { runProgram } from '../../../daemons/fleetctl/program.ts'
import { ROOT } from '../lib/image.ts'

/** What a command line of fleetctl said, and its status. */
export interface Said {
  out: string
  err: string
  status: number
}

/** How fleetctl is run. */
export interface FleetctlOptions {
  /** Its whole environment. */
  env: Readonly<Record<string, string>>
  /** What is run where fleetctl runs `ssh`: a path. */
  ssh?: string
}

/** The program of fleetctl as a file. */
export const FLEETCTL = join(ROOT, 'daemons/fleetctl/main.ts')

/** Runs a command line of fleetctl in this process: the program as it is, but for the start of a process. */
export async function fleetctl(words: readonly string[], options: FleetctlOptions): Promise<Said> {
  const said: Said = { out: '', err: '', status: 0 }
  const io: Io = {
    ...processIo(),
    out: text => {
      said.out += text
    },
    err: text => {
      said.err += text
    },
    env: options.env,
    argv: ['fleetctl', ...words],
    run: async (program, args) => {
      const ran = await runProcess(program === 'ssh' ? (options.ssh ?? program) : program, args, options.env)
      said.out += ran.out
      said.err += ran.err
      return ran.status
    },
    // Of no machine of the cluster: whatever is asked, is asked of the machines.
    machineId: async () => '',
    joinSocket: () => Promise.reject(new Error('this is the far end of no tunnel')),
    isTerminal: false,
  }
  said.status = await runProgram(words, io)
  return said
}

/** Runs a command line of fleetctl as a process of its own. */
export async function spawnFleetctl(words: readonly string[], options: FleetctlOptions): Promise<Said> {
  return await runProcess(process.execPath, [FLEETCTL, ...words], options.env)
}

async function runProcess(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Said> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Said = { out: '', err: '', status: 0 }
  child.stdout.on('data', (chunk: Buffer) => {
    said.out += chunk.toString('utf8')
  })
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk.toString('utf8')
  })
  said.status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve(code ?? 255))
  })
  return said
}
