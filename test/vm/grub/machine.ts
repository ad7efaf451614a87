import { spawn } from 'node:child_process'
import type { Tools } from '../../../build/tools/tools.ts'
import { choosePrograms } from '../../../build/vm/programs.ts'
import { Transcript } from '../../../build/vm/transcript.ts'

/** For a boot loader that does its work within a second or two, on a host busy with other tests. */
const TIMEOUT_MS = 90_000
const MEMORY_MIB = 64

/**
 * Starts a machine from a disk, which it may write, and follows its serial line until `enough` holds for what it
 * said. Then the machine is killed.
 *
 * @returns the lines it said, all of them whole, without control sequences
 * @throws Error with the end of what it said, when it ends or nothing comes of it in time
 */
export async function bootUntil(
  tools: Tools,
  disk: string,
  enough: (lines: readonly string[]) => boolean,
): Promise<string[]> {
  const programs = choosePrograms(tools, process.env)
  const command = programs.command('qemu-system-x86_64', [
    ...programs.dataFolders.flatMap(folder => ['-L', folder]),
    ...['-no-user-config', '-nodefaults', '-machine', 'pc', '-accel', 'tcg', '-m', String(MEMORY_MIB)],
    ...['-display', 'none', '-serial', 'stdio', '-boot', 'c'],
    ...['-drive', `file=${disk.replaceAll(',', ',,')},format=raw,if=virtio,cache=unsafe`],
  ])
  const child = spawn(command.file, command.args, { env: command.env, stdio: ['ignore', 'pipe', 'pipe'] })
  const transcript = new Transcript()
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk
  })
  // The last line is still being printed.
  const lines = () =>
    transcript.text
      .split('\n')
      .slice(0, -1)
      .map(line => line.trim())
  let done = false
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
  child.stdout.on('data', (chunk: Buffer) => {
    transcript.append(chunk)
    if (done || !enough(lines())) return
    done = true
    child.kill('SIGTERM') // QEMU then closes its disk
  })
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve())
  })
  clearTimeout(timer)
  if (!done)
    throw new Error(
      `the machine did not say what was expected: ${complaints}\n${transcript.tail(30).join('\n')}`,
    )
  return lines()
}
