import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './image.ts'

/**
 * Sees to it that no machine outlives this process, however that ends: another process waits for its end and destroys
 * what is left.
 *
 * @param home the ORLOP_HOME of the machines; it is removed
 * @returns destroys them now
 */
export function keepMachines(home: string): () => Promise<void> {
  const destroy = [process.execPath, join(ROOT, 'build/cli/main.ts'), 'destroy', '--force']
  const keeper = spawn('/bin/sh', ['-c', 'read -r line; "$@"', 'sh', ...destroy], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { ...process.env, ORLOP_HOME: home },
  })
  return async () => {
    keeper.stdin.end()
    await once(keeper, 'exit')
    await rm(home, { recursive: true, force: true })
  }
}
