import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { Machine } from '../../../build/vm/machine.ts'
import type { MachineOptions } from '../../../build/vm/plan.ts'
import type { Laboratory } from './image.ts'

/** Bound of a test file: boots under TCG on a host where others work as well. */
export const FILE_TIMEOUT_MS = 1_400_000
/** Bound of one command in the guest: the first `docker run` starts dockerd, pulls, and runs. */
export const SLOW_COMMAND_MS = 400_000

/** A folder for a machine, removed after the test. */
export async function machineFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-vm-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Starts a machine that ends with the test. */
export async function startMachine(
  t: Test,
  laboratory: Laboratory,
  options: Omit<MachineOptions, 'name' | 'folder'> & { folder?: string },
): Promise<Machine> {
  const folder = options.folder ?? (await machineFolder(t))
  const machine = await Machine.start(
    { name: 'test', registry: laboratory.registry, ...options, folder },
    laboratory.host,
  )
  t.teardown(() => machine.close())
  return machine
}

/** A command in the guest whose stdout, trimmed, is compared. */
export async function said(machine: Machine, command: string): Promise<string> {
  return (await machine.ssh.output(command, { timeoutMs: SLOW_COMMAND_MS })).trim()
}

/** Restarts the guest from within and waits until it is up again. */
export async function restart(machine: Machine, command = 'sudo systemctl reboot'): Promise<void> {
  const count = machine.boots.length + 1
  // The connection may end before the command's status comes.
  await machine.ssh.exec(command)
  await machine.waitBoot({ count })
}
