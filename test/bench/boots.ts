import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Machine, type MachineHost } from '../../build/vm/machine.ts'
import { median } from './timing.ts'

/** Seconds from starting QEMU. */
export interface BootTimes {
  /** A login prompt stands on the console. */
  login: number
  /** All services are up, the health checks have passed, the slot is marked good. */
  complete: number
}

const BOOT_TIMEOUT_MS = 400_000
/** Memory is looked at this often, while nobody is logged in, until it stays where it is. */
const SAMPLE_SECONDS = 5
const SAMPLES = 16
/** The figure is the median of the last samples. */
const SETTLED_SAMPLES = 6
/** For the guest to have taken its samples. */
const SAMPLING_TIMEOUT_MS = (SAMPLE_SECONDS * SAMPLES + 60) * 1000

/** Boots a fresh disk and says when it got how far; `use` works on the machine that is up. */
export async function measureBoot(
  image: string,
  host: MachineHost,
  options: { memoryMiB?: number },
  use: (machine: Machine) => Promise<void> = async () => undefined,
): Promise<BootTimes> {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-bench-'))
  try {
    const started = performance.now()
    await using machine = await Machine.start(
      { name: 'bench', folder, disk: { base: image, format: 'raw' }, ...options },
      host,
    )
    const since = () => (performance.now() - started) / 1000
    const login = machine.console
      .waitBoot(1, boot => boot.login === true, { timeoutMs: BOOT_TIMEOUT_MS, what: 'a login prompt' })
      .then(since)
    const complete = machine.waitBoot({ timeoutMs: BOOT_TIMEOUT_MS, ssh: false }).then(since)
    const times = { login: await login, complete: await complete }
    await use(machine)
    return times
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * MemTotal − MemAvailable in MiB when nothing happens. The guest takes the samples by itself, so that no login and no
 * SSH connection is counted.
 */
export async function measureIdleMemory(machine: Machine): Promise<number> {
  await machine.ssh.waitReady(BOOT_TIMEOUT_MS)
  const loop = `for i in $(seq ${SAMPLES}); do sleep ${SAMPLE_SECONDS}; cat /proc/meminfo; done`
  const script = `(${loop}) > /run/idle.part; mv /run/idle.part /run/idle`
  await machine.ssh.output(`sudo systemd-run --quiet --collect --unit=idle-memory sh -c '${script}'`)
  // Not a wait for something to happen: the time of the measurement, during which we keep away.
  await new Promise(resolve => setTimeout(resolve, SAMPLE_SECONDS * SAMPLES * 1000))
  const text = await machine.ssh.output('until test -e /run/idle; do sleep 1; done; cat /run/idle', {
    timeoutMs: SAMPLING_TIMEOUT_MS,
  })
  return settledMemory(text)
}

/** The figure from what /proc/meminfo said again and again. */
export function settledMemory(text: string): number {
  const values = (key: string) =>
    [...text.matchAll(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'gm'))].map(match => Number(match[1]))
  const available = values('MemAvailable')
  const used = values('MemTotal').map((total, index) => (total - available[index]!) / 1024)
  return Math.round(median(used.slice(-SETTLED_SAMPLES)) * 10) / 10
}
