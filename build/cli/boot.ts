import { UserError } from '#lib/errors.ts'
import { BOOT_TIMEOUT_MS, type Machine } from '../vm/machine.ts'
import type { Boot, Marker } from '../vm/transcript.ts'
import type { CliContext } from './command.ts'

/** A machine that people start gets longer than one in a test: their host may be slow and they can wait. */
const PATIENCE_MS = 2 * BOOT_TIMEOUT_MS
/** Machines that boot beside each other share the processors of the host. */
const PATIENCE_OF_ONE_MORE_MS = BOOT_TIMEOUT_MS / 2

/**
 * Tells how far the boot of a machine is, until it is complete.
 *
 * @param beside how many others boot at the same time
 * @throws UserError when it fails, takes too long, or somebody does not want to wait; the machine is left as it is
 */
export async function watchBoot(machine: Machine, beside: number, context: CliContext): Promise<Boot> {
  const { name } = machine
  const task = context.progress.begin(`Booting ${name}`)
  const off = machine.console.onMarker(marker => {
    const line = describeMarker(marker)
    if (line) context.progress.note(`  ${name}: ${line}`)
  })
  const interrupted = new Promise<never>((_, reject) => {
    context.signal.addEventListener('abort', () => reject(leftBooting(name, 'stopped waiting')), {
      once: true,
    })
  })
  interrupted.catch(() => undefined)
  try {
    const timeoutMs = PATIENCE_MS + beside * PATIENCE_OF_ONE_MORE_MS
    return await Promise.race([machine.waitBoot({ timeoutMs }), interrupted])
  } catch (error) {
    if (error instanceof UserError) throw error
    throw leftBooting(name, error instanceof Error ? error.message : String(error))
  } finally {
    off()
    task.end()
  }
}

function leftBooting(name: string, reason: string): UserError {
  return new UserError(
    `machine ${name}: ${reason}`,
    `it was left as it is: see \`npm run orlop -- console ${name}\`, or end it with \`npm run orlop -- destroy ${name}\``,
  )
}

/** What a marker means to a person; undefined for those that say nothing new. */
export function describeMarker(marker: Marker): string | undefined {
  switch (marker.kind) {
    case 'grub':
      return `boot loader chose slot ${marker.slot} (${marker.tries} tries left after this one)`
    case 'initrd':
      return 'kernel runs, root file system verified and mounted'
    case 'login':
      return 'login prompt'
    case 'complete':
      return `boot complete, slot ${marker.slot} is good`
    case 'failed':
      return `boot failed: ${marker.reason}`
  }
}
