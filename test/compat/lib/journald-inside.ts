// Runs where /run, /var/log and /etc/machine-id are its own: starts Debian's journald there, writes to it, follows
// what it keeps through all that journald does with its files, and prints what came of it.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { Formatter, Journal, JournalWriter } from '../../../daemons/journald/mod.ts'
import { until } from '../../fleet/lib/live.ts'

/** What is printed. */
export interface Inside {
  /** Messages as they were followed. */
  followed: string[]
  dropped: number
  problems: string[]
  /** Files of journals in the end. */
  files: string[]
  /** All entries as journalctl and ours export them. */
  exported: { ours: string; theirs: string }
}

const IDENTIFIER = 'orlop-test'
const MACHINE = 'd'.repeat(32)
const SOCKET = '/run/systemd/journal/stdout'
const FOLDERS = [`/run/log/journal/${MACHINE}`, `/var/log/journal/${MACHINE}`]

const [journald, journalctl] = JSON.parse(process.argv[2]!) as { file: string; args: string[]; env: object }[]
await mkdir('/run/systemd/journal', { recursive: true })

async function startJournald() {
  const child = spawn(journald!.file, journald!.args, { env: { ...journald!.env }, stdio: 'ignore' })
  await until(() => existsSync(SOCKET))
  return child
}

const problems: string[] = []
const journal = new Journal({ onProblem: ({ path, error }) => problems.push(`${path}: ${error.message}`) })
const followed: string[] = []
const ending = new AbortController()
let child = await startJournald()
const following = (async () => {
  const matches = [`SYSLOG_IDENTIFIER=${IDENTIFIER}`]
  for await (const entry of journal.entries({ follow: true, matches, signal: ending.signal }))
    followed.push(`${entry.text('PRIORITY')} ${entry.text('MESSAGE')}`)
})()

const writer = new JournalWriter({ identifier: IDENTIFIER })
let written = 0
async function write(): Promise<void> {
  for (let count = 0; count < 3; count++) writer.write(`message ${written++}`, 'warning')
  await until(() => followed.length === written)
}

await write()
child.kill('SIGUSR2') // It rotates.
await until(async () => (await filesOf()).length > 1)
await write()
await mkdir('/var/log/journal', { recursive: true })
child.kill('SIGUSR1') // It moves all to where it lasts.
await until(() => existsSync(FOLDERS[1]!))
await write()
child.kill('SIGKILL')
await new Promise(resolve => child.once('exit', resolve))
writer.write(`message ${written++}`, 'warning')
child = await startJournald()
await write()
writer.write('one\ntwo', 'err')
await until(() => followed.length === written + 2)
await writer.close()
ending.abort()
await following

child.kill('SIGTERM')
await new Promise(resolve => child.once('exit', resolve))
const formatter = new Formatter('export')
const pieces: Buffer[] = []
for await (const entry of journal.entries()) pieces.push(formatter.format(entry))
const result: Inside = {
  followed,
  dropped: writer.dropped,
  problems,
  files: await filesOf(),
  exported: { ours: Buffer.concat(pieces).toString('latin1'), theirs: (await theirs()).toString('latin1') },
}
process.stdout.write(JSON.stringify(result))

async function filesOf(): Promise<string[]> {
  const names = await Promise.all(FOLDERS.map(folder => readdir(folder).catch(() => [])))
  return names.flat()
}

async function theirs(): Promise<Buffer> {
  const { file, args, env } = journalctl!
  const program = spawn(file, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  const output: Buffer[] = []
  for await (const piece of program.stdout) output.push(piece as Buffer)
  return Buffer.concat(output)
}
