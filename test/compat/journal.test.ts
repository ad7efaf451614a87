// Our journal beside Debian's: files made by systemd-journal-remote, read by our package and by journalctl.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Formatter, Journal, type Output, type ReadOptions } from '../../daemons/journald/mod.ts'
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
  const journal = new Journal({ ...where, onProblem: ({ path, error }) => problems.push(`${path}: ${error.message}`) })
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
