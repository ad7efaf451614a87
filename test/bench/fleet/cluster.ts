import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ApiClient } from '../../../daemons/fleetctl/drivers/api.ts'
import { patientApi } from '../../../daemons/fleetctl/drivers/patience.ts'
import { connectApi } from '../../../daemons/fleetctl/host/connect.ts'
import { processIo } from '../../../daemons/fleetctl/host/process.ts'
import type { ApiTransport } from '../../../daemons/fleetctl/io.ts'
import { fleetctl } from '../../vm/fleet/fleetctl.ts'

/** How long units took, from the start of the command on, seconds. */
export interface LaunchTimes {
  units: number
  /** Until fleetctl had handed all of them in. */
  submittedSeconds: number
  /** Until all machines had asked their systemd to start them. */
  launchedSeconds: number
  /** Until systemd said of all that they run. */
  activeSeconds: number
}

/** How units are started. */
export interface LaunchOptions {
  units?: number
  timeoutMs?: number
}

const UNITS = 100
const LAUNCH_MS = 600_000
const REQUEST_SECONDS = 60
/** Each look costs a guest under emulation time that it then lacks for what is measured. */
const LOOK_MS = 1000
const TEXT = '[Service]\nExecStart=/bin/sleep infinity\n'

/**
 * Starts `hello@1.service` and so on in a cluster that has none of them, by one command of fleetctl, and takes them out
 * again.
 *
 * @param endpoint of the API of any machine, as fleetctl takes it: `unix:///PATH` or `http://HOST:PORT`
 * @throws Error when they do not all run in time
 */
export async function measureLaunch(endpoint: string, options: LaunchOptions = {}): Promise<LaunchTimes> {
  const { units = UNITS, timeoutMs = LAUNCH_MS } = options
  const folder = await mkdtemp(join(tmpdir(), 'fleet-bench-'))
  const api = new ApiClient(await connect(endpoint))
  const names = Array.from({ length: units }, (_, at) => `hello@${at + 1}.service`)
  try {
    await writeFile(join(folder, 'hello@.service'), TEXT)
    const began = performance.now()
    const seconds = (): number => Math.round((performance.now() - began) / 100) / 10
    const env = {
      FLEETCTL_ENDPOINT: endpoint,
      FLEETCTL_REQUEST_TIMEOUT: String(REQUEST_SECONDS),
      HOME: folder,
    }
    const said = await fleetctl(['start', '--no-block', ...names.map(name => join(folder, name))], { env })
    if (said.status !== 0) throw new Error(`fleetctl start ended with status ${said.status}: ${said.err}`)
    const submittedSeconds = seconds()
    const until = (what: string, count: () => Promise<number>): Promise<number> =>
      reach({ what, wanted: units, count, endMs: began + timeoutMs }).then(seconds)
    const own = new Set(names)
    const launchedSeconds = await until(
      'launched',
      async () =>
        (await api.units()).filter(unit => own.has(unit.name) && unit.currentState === 'launched').length,
    )
    const activeSeconds = await until(
      'active',
      async () =>
        (await api.states()).filter(state => own.has(state.name) && state.systemdActiveState === 'active')
          .length,
    )
    return { units, submittedSeconds, launchedSeconds, activeSeconds }
  } finally {
    for (const name of names) await api.destroy(name)
    const endMs = performance.now() + timeoutMs
    await reach({ what: 'left', wanted: 0, count: async () => (await api.states()).length, endMs })
    api.close()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Goal {
  what: string
  wanted: number
  count: () => Promise<number>
  endMs: number
}

async function reach({ what, wanted, count, endMs }: Goal): Promise<void> {
  for (;;) {
    const found = await count()
    if (found === wanted) return
    if (performance.now() > endMs)
      throw new Error(`${found} units are ${what}, not ${wanted}, and time is over`)
    await setTimeout(LOOK_MS)
  }
}

async function connect(endpoint: string): Promise<ApiTransport> {
  const none = { caFile: '', certFile: '', keyFile: '', skipVerify: false, tunnel: '', ssh: {} as never }
  const timeoutMs = REQUEST_SECONDS * 1000
  return patientApi(await connectApi({ ...none, endpoints: [endpoint], timeoutMs }), {
    io: processIo(),
    timeoutMs,
  })
}
