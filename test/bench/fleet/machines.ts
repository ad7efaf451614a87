import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MachineStatus } from '../../../build/cli/status.ts'
import { Fleet } from '../../vm/fleet/lab.ts'
import { openLaboratory, ROOT } from '../../vm/lib/image.ts'
import { keepMachines } from '../../vm/lib/keeper.ts'
import { measureLaunch } from './cluster.ts'
import type { FleetCluster } from './report.ts'

/** After the boot, until nothing but the cluster itself is at work. */
const REST_MS = 20_000

/** Boots the machines of `npm start` and starts a hundred units on them by one command of fleetctl on this host. */
export async function measureMachines(): Promise<FleetCluster> {
  const home = await mkdtemp(join(tmpdir(), 'orlop-home-'))
  const destroy = keepMachines(home)
  try {
    await orlop(home, 'up')
    const machines = JSON.parse(await orlop(home, 'status', '--json')) as MachineStatus[]
    const fleet = await Fleet.open(machines, (await openLaboratory()).host.programs)
    try {
      await fleet.untilMachines(machines.length)
      await new Promise(resolve => setTimeout(resolve, REST_MS))
      const times = await measureLaunch(`unix://${fleet.via.guest.place.socketPath}`)
      return { machines: machines.length, ...times }
    } finally {
      await fleet.close()
    }
  } finally {
    await destroy()
  }
}

async function orlop(home: string, ...words: string[]): Promise<string> {
  const child = spawn(process.execPath, [join(ROOT, 'build/cli/main.ts'), ...words], {
    env: { ...process.env, ORLOP_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) throw new Error(`orlop ${words.join(' ')} ended with status ${status}`)
  return text
}
