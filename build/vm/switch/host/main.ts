// The process of a switch. Its settings are in the folder; it ends when it is asked to, or by SIGTERM.
//
//   node build/vm/switch/host/main.ts FOLDER

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeFailure } from '#lib/errors.ts'
import { parseSettings, SETTINGS_FILE } from '../settings.ts'
import { Switch } from './switch.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('usage: main.ts FOLDER\n')
  process.exit(2)
}
try {
  const settings = parseSettings(await readFile(join(folder, SETTINGS_FILE), 'utf8'))
  const log = (line: string) => process.stdout.write(`${new Date().toISOString()} ${line}\n`)
  const instance = await Switch.open(folder, settings, log)
  log(`listening for ${settings.ports.map(({ name }) => name).join(', ') || 'nobody yet'}`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void instance.stop())
  await instance.ended
} catch (error) {
  const failure = describeFailure(error)
  if (failure === undefined) throw error
  process.stderr.write(`${failure}\n`)
  process.exitCode = 1
}
