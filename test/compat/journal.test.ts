// Our journal beside Debian's: files made by systemd-journal-remote, read by our package and by journalctl.

import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { HEADER_BYTES, INCOMPATIBLE, parseHeader } from '../../daemons/journald/codec/header.ts'
import {
  Formatter,
  Journal,
  type JournalEntry,
  matchUnit,
  matchUserUnit,
  type Output,
  type ReadOptions,
} from '../../daemons/journald/mod.ts'
import { Random } from '../sim/world/random.ts'
import { type Boot, type Form, JournalPrograms, someEntries } from './lib/journals.ts'
import { openOriginals } from './lib/programs.ts'

t.setTimeout(300_000)
const programs = new JournalPrograms(await openOriginals())
const folder = await mkdtemp(join(tmpdir(), 'orlop-journal-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

const MACHINES = ['a', 'b'].map(letter => letter.repeat(32))
const BOOTS: Boot[] = [
  { bootId: '1'.repeat(32), machineId: MACHINES[0]!, start: 1_700_000_000_000_000n },
  { bootId: '2'.repeat(32), machineId: MACHINES[0]!, start: 1_700_100_000_000_000n },
  { bootId: '3'.repeat(32), machineId: MACHINES[1]!, start: 1_700_050_000_000_000n },
]
const FORMS: Form[] = [
  { compression: 'zstd', isKeyed: true, isCompact: true },
  { compression: 'zstd', isKeyed: true, isCompact: false },
  { compression: 'lz4', isKeyed: true, isCompact: false },
  { compression: 'xz', isKeyed: false, isCompact: false },
  { compression: 'lz4', isKeyed: false, isCompact: true },
  { compression: 'none', isKeyed: false, isCompact: false },
]
const nameOf = ({ compression, isKeyed, isCompact }: Form): string =>
  `${compression}${isKeyed ? ' keyed' : ''}${isCompact ? ' compact' : ''}`

/** Which journal, for ours and for theirs. */
interface Where {
  files?: string[]
  directory?: string
}

/** What ours prints. */
async function ours(where: Where, output: Output, options: ReadOptions = {}, all = false): Promise<Buffer> {
  const problems: string[] = []
  const journal = new Journal({
    ...where,
    onProblem: ({ path, error }) => problems.push(`${path}: ${error.message}`),
  })
  const formatter = new Formatter(output, { utc: true, all })
  const pieces: Buffer[] = []
  for await (const entry of journal.entries(options)) pieces.push(formatter.format(entry))
  if (problems.length > 0) throw new Error(problems.join('; '))
  return Buffer.concat(pieces)
}

/** What journalctl prints. */
async function theirs(where: Where, output: Output, args: string[] = []): Promise<Buffer> {
  const places = where.files?.map(file => `--file=${file}`) ?? [`--directory=${where.directory}`]
  return await programs.journalctl([...places, '-o', output, ...args])
}

const entriesOf = (json: Buffer): unknown[] =>
  json
    .toString()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as unknown)

/** Both print the same: JSON as values, because the order of keys is by chance at journalctl; all else byte by byte. */
async function same(
  t: Asserts,
  where: Where,
  how: { output?: Output; options?: ReadOptions; args?: string[]; name?: string },
): Promise<number> {
  const { output = 'json', options = {}, args = [] } = how
  const [our, their] = await Promise.all([
    ours(where, output, options, args.includes('--all')),
    theirs(where, output, args),
  ])
  const name = how.name ?? `-o ${output} ${args.join(' ')}`
  if (output === 'json') {
    const [a, b] = [entriesOf(our), entriesOf(their)]
    const different = b.findIndex((entry, index) => !isEqual(entry, a[index]))
    if (different >= 0) t.same(a[different], b[different], `${name}: entry ${different}`)
    t.equal(a.length, b.length, `${name}: ${b.length} entries`)
    return b.length
  }
  if (!our.equals(their)) {
    const [a, b] = [our, their].map(text => text.toString('latin1').split('\n'))
    const line = b!.findIndex((text, index) => text !== a![index])
    t.equal(a![line], b![line], `${name}: line ${line}`)
  }
  t.ok(our.equals(their), `${name}: ${their.length} bytes`)
  return their.length
}

type Asserts = Pick<typeof t, 'same' | 'equal' | 'ok'>

function isEqual(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown): string =>
    JSON.stringify(Object.entries(value as object).toSorted(([x], [y]) => (x < y ? -1 : 1)))
  return a !== undefined && b !== undefined && sorted(a) === sorted(b)
}

const OUTPUTS_COMPARED: Output[] = [
  'short',
  'short-iso',
  'short-iso-precise',
  'short-precise',
  'short-full',
  'short-unix',
  'short-monotonic',
  'with-unit',
  'cat',
  'verbose',
]

for (const [number, form] of FORMS.entries()) {
  t.test(`a file: ${nameOf(form)}`, async t => {
    const file = join(folder, `${number}.journal`)
    const random = new Random(1000 + number)
    const [first, second] = BOOTS
    await programs.make(file, form, [
      ...someEntries(random, first!, 1500),
      ...someEntries(random, second!, 700),
    ])
    const where = { files: [file] }
    const head = await readFile(file).then(bytes => parseHeader(bytes.subarray(0, HEADER_BYTES)))
    const compressions = { zstd: INCOMPATIBLE.zstd, lz4: INCOMPATIBLE.lz4, xz: INCOMPATIBLE.xz, none: 0 }
    const layout = (form.isKeyed ? INCOMPATIBLE.keyed : 0) | (form.isCompact ? INCOMPATIBLE.compact : 0)
    t.equal(
      head.incompatibleFlags,
      compressions[form.compression] | layout,
      'it is of the form that was asked for',
    )
    t.equal(await same(t, where, {}), 2200)
    await same(t, where, { args: ['--all'] })
    await same(t, where, { output: 'export' })
    await same(t, where, { args: ['--reverse'], options: { direction: 'backward' } })
    if (number > 0) return
    for (const output of OUTPUTS_COMPARED) {
      await same(t, where, { output })
      await same(t, where, { output, args: ['--all'] })
    }
  })
}

/** A folder as journald and others leave them: machines, rotated files, a dirty one, a user's, one entry in two files. */
async function makeFolder(name: string): Promise<string> {
  const directory = join(folder, name)
  const random = new Random(77)
  const [first, second, foreign] = BOOTS
  const main = join(directory, MACHINES[0]!)
  const other = join(directory, MACHINES[1]!)
  for (const path of [main, other]) await mkdir(path, { recursive: true })
  const entries = someEntries(random, first!, 900)
  const system = join(main, 'system.journal')
  // Two writers share the boot: its entries are in turns in one and in the other.
  await programs.make(
    system,
    FORMS[0]!,
    entries.filter((_, index) => index % 3 !== 0),
  )
  await copyFile(system, join(main, 'system@0005e0f2.journal~'))
  await programs.make(
    join(main, 'user-1000.journal'),
    FORMS[2]!,
    entries.filter((_, index) => index % 3 === 0),
  )
  // The copy ends before this one, and has all of it that was there then.
  await programs.make(system, FORMS[0]!, someEntries(random, second!, 400))
  await programs.make(join(other, 'system.journal'), FORMS[3]!, someEntries(random, foreign!, 500))
  return directory
}

const QUERIES: string[][] = [
  ['_PID=1'],
  ['_PID=1', '_UID=0'],
  ['_PID=100', '_PID=101', '_UID=1', '_UID=2'],
  ['SHORT=7', '_SYSTEMD_UNIT=a.service', '+', '_PID=1', 'UNIT=b.service'],
  ['SHORT=7', '+', 'SHORT=8', '+', 'NUMBER=11', 'PRIORITY=0', 'PRIORITY=1', 'PRIORITY=2', 'PRIORITY=3'],
  ['TWICE=two\nlines'],
  ['OTHER='],
  ['NUMBER=123'],
  ['_PID=1', '_PID=2', 'NOTHING=here'],
  ['_HOSTNAME=host-bb'],
  [`_BOOT_ID=${BOOTS[1]!.bootId}`],
]

t.test('a folder of files: queries', async t => {
  const where = { directory: await makeFolder('queries') }
  t.equal(await same(t, where, {}), 1800, 'what is in two files comes once')
  await same(t, where, { output: 'short' })
  await same(t, where, { args: ['-r'], options: { direction: 'backward' } })
  for (const matches of QUERIES) {
    await same(t, where, { args: matches, options: { matches } })
    await same(t, where, { args: ['-r', ...matches], options: { matches, direction: 'backward' } })
  }
  for (const unit of ['a.service', 'web@1.service', 'init.scope', 'none.service', 'user.slice']) {
    await same(t, where, { args: ['--unit', unit], options: { matches: matchUnit(unit) } })
    const matches = matchUserUnit(unit, process.getuid!())
    await same(t, where, { args: ['--user-unit', unit], options: { matches } })
  }
})

t.test('a folder of files: places', async t => {
  const where = { directory: await makeFolder('places') }
  for (const count of [0, 1, 7, 1000, 5000]) {
    await same(t, where, { args: ['-n', String(count)], options: { from: { last: count } } })
    const matches = ['SHORT=3']
    await same(t, where, {
      args: ['-n', String(count), ...matches],
      options: { from: { last: count }, matches },
    })
  }
  const all: JournalEntry[] = []
  for await (const entry of new Journal(where).entries()) all.push(entry)
  const random = new Random(5)
  for (let n = 0; n < 24; n++) {
    const { cursor, realtime } = random.pick(all)
    const matches = n % 2 === 0 ? [] : ['PRIORITY=3', 'PRIORITY=4']
    const how = [
      { args: [`--cursor=${cursor}`], options: { from: { cursor } } },
      { args: [`--after-cursor=${cursor}`], options: { from: { cursor, after: true } } },
      { args: ['-r', `--cursor=${cursor}`], options: { from: { cursor }, direction: 'backward' as const } },
      {
        args: [`--since=@${realtime / 1_000_000n}`],
        options: { from: { realtime: (realtime / 1_000_000n) * 1_000_000n } },
      },
    ][Math.floor(n / 2) % 4]!
    await same(t, where, { args: [...how.args, ...matches], options: { ...how.options, matches } })
  }
})
