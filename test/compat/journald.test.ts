// Debian's journald itself, in a place of its own: our writer speaks to it, and our reader follows what it does with
// its files: it rotates them, moves them, dies and starts again.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Inside } from './lib/journald-inside.ts'
import { openOriginals } from './lib/programs.ts'

/** Mounts of its own, without root. */
const PLACE = ['--user', '--map-root-user', '--mount']
const canUnshare = spawnSync('unshare', [...PLACE, 'true']).status === 0
const MOUNTS = [
  'mount -t tmpfs tmpfs /run',
  'mount -t tmpfs tmpfs /var/log',
  'mount --bind "$0" /etc/machine-id',
  'exec "$@"',
].join(' && ')

t.setTimeout(90_000)
const folder = await mkdtemp(join(tmpdir(), 'orlop-journald-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

t.test(
  'written, followed and read',
  { skip: canUnshare ? false : 'the system gives nobody mounts of his own' },
  async t => {
    const tools = await openOriginals()
    const machineId = join(folder, 'machine-id')
    await writeFile(machineId, `${'d'.repeat(32)}\n`)
    const programs = [
      tools.command('usr/lib/systemd/systemd-journald', []),
      tools.command('journalctl', ['--no-pager', '-o', 'export']),
    ]
    const inside = join(import.meta.dirname, 'lib/journald-inside.ts')
    const words = [
      ...PLACE,
      'sh',
      '-c',
      MOUNTS,
      machineId,
      process.execPath,
      inside,
      JSON.stringify(programs),
    ]
    const child = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
    // Whatever it has started ends with it.
    t.teardown(() => {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        // It has ended.
      }
    })
    const pieces: Buffer[] = []
    for await (const piece of child.stdout) pieces.push(piece as Buffer)
    const result = JSON.parse(Buffer.concat(pieces).toString()) as Inside
    t.same(result.followed, [
      ...Array.from({ length: 13 }, (_, index) => `4 message ${index}`),
      '3 one',
      '3 two',
    ])
    t.equal(result.dropped, 0)
    t.same(result.problems, [])
    t.ok(result.files.length >= 2, result.files.join(', '))
    t.ok(result.exported.theirs.includes('MESSAGE=message 12\n'))
    t.ok(
      result.exported.ours === result.exported.theirs,
      `${result.exported.theirs.length} bytes of export are the same`,
    )
  },
)
