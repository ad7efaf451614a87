import { readFile } from 'node:fs/promises'
import { describeFailure, errorCode, UserError } from '#lib/errors.ts'
import { FLEET_VERSION } from '#lib/fleet/version.ts'
import { keepHeapSmall } from '#lib/host/heap.ts'
import type { Address } from '#lib/http/host/listen.ts'
import { type ReadSettings, readSettings } from './config/settings.ts'
import { FleetDaemon } from './host/daemon.ts'
import { stderrLog } from './host/log.ts'
import { passedSockets } from './sockets.ts'

const CONFIG_FILE = '/etc/fleet/fleet.conf'
const USAGE = `fleetd: runs units somewhere in the cluster, whatever dies

usage: fleetd [--config FILE]
       fleetd --version

options:
  --config FILE   configuration; default ${CONFIG_FILE} if it is there
  --version       print the version

Every key of the configuration can be set by a variable, etcd_servers by FLEET_ETCD_SERVERS, which wins over the file.
The API is served on the sockets that systemd passes (fleet.socket).
`

/**
 * The daemon \`fleetd\`.
 *
 * @param args without the name of the program
 * @returns the status of the process: 0 after SIGTERM or SIGINT, 1 for what is wrong
 */
export async function main(args: string[]): Promise<number> {
  const [first, second, ...more] = args
  if (args.length === 1 && ['--version', '-version', 'version'].includes(first!))
    return say(`fleetd version ${FLEET_VERSION}\n`)
  if (args.length === 1 && ['--help', '-h'].includes(first!)) return say(USAGE)
  const given =
    /^--?config=(.*)$/s.exec(first ?? '')?.[1] ?? (/^--?config$/.test(first ?? '') ? second : undefined)
  const words = first?.includes('=') ? [second, ...more] : more
  if (args.length > 0 && (given === undefined || words.some(word => word !== undefined))) {
    const wrong = given === undefined ? first! : words.find(word => word !== undefined)!
    process.stderr.write(`fleetd: unknown option or word ${JSON.stringify(wrong)}\n\n${USAGE}`)
    return 1
  }
  return await run(given)
}

async function run(file: string | undefined): Promise<number> {
  keepHeapSmall()
  const { settings, warnings } = await read(file)
  const log = stderrLog(settings.verbosity)
  for (const warning of warnings) log.error(warning)
  const daemon = new FleetDaemon(process.env)
  const stopped = new Promise<NodeJS.Signals>(resolve => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  const addresses = passedSockets(process.env, process.pid).map((fd): Address => ({ fd }))
  await daemon.start(settings, log, addresses)
  let reloading = Promise.resolve()
  process.on('SIGHUP', () => {
    reloading = reloading.then(() => reload(daemon, file))
  })
  process.on('SIGUSR1', () => void process.stdout.write(`${daemon.dump()}\n`))
  log.info(`fleetd ${FLEET_VERSION} begins`)
  const signal = await stopped
  log.info(`${signal}: stopping the units of this machine`)
  await reloading
  await daemon.stop()
  return 0
}

/** A configuration that is wrong leaves the one that is in use. */
async function reload(daemon: FleetDaemon, file: string | undefined): Promise<void> {
  const log = stderrLog(0)
  log.info(`Reloading configuration from ${file ?? CONFIG_FILE}`)
  try {
    const { settings, warnings } = await read(file)
    for (const warning of warnings) log.error(warning)
    await daemon.reconfigure(settings, stderrLog(settings.verbosity))
  } catch (error) {
    const line = describeFailure(error)
    if (line === undefined) throw error
    log.error(`the configuration stays as it was: ${line}`)
  }
}

async function read(file: string | undefined): Promise<ReadSettings> {
  const path = file ?? CONFIG_FILE
  try {
    return readSettings(await readFile(path, 'utf8'), path, process.env)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    if (file !== undefined) throw new UserError(`${file}: no such file`)
    return readSettings('', path, process.env)
  }
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

// Called as a file of its own, as tests do; in the binary, its entry calls `main`.
if (import.meta.main)
  void main(process.argv.slice(2)).then(
    status => process.exit(status),
    (error: unknown) => {
      process.stderr.write(
        `fleetd: ${describeFailure(error) ?? (error instanceof Error ? error.stack : String(error))}\n`,
      )
      process.exit(1)
    },
  )
