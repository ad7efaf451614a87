import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { zstdDecompressSync } from 'node:zlib'
import t from 'tap'
import { packJournald } from './journald.ts'

const ROOT = resolve(import.meta.dirname, '../..')

t.test('the package as it is published, for a program in JavaScript', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-pack-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const modules = join(folder, 'node_modules')
  await mkdir(modules)
  await packJournald(ROOT, join(modules, 'systemd-journald-ts'))
  await symlink(join(ROOT, 'node_modules/xz-decompress'), join(modules, 'xz-decompress'))
  const packed = await readFile(join(ROOT, 'daemons/journald/testdata/xz-keyed.journal.zst'))
  await writeFile(join(folder, 'xz.journal'), zstdDecompressSync(packed))
  await writeFile(
    join(folder, 'program.mjs'),
    `import { Journal } from 'systemd-journald-ts'
const problems = []
const journal = new Journal({ files: ['xz.journal'], onProblem: ({ error }) => problems.push(error.message) })
let bytes = 0
let count = 0
for await (const entry of journal.entries()) {
  count++
  bytes += entry.text('BIG')?.length ?? 0
}
console.log(JSON.stringify({ count, bytes, problems }))
`,
  )
  const { stdout } = await promisify(execFile)(process.execPath, ['program.mjs'], { cwd: folder })
  t.same(JSON.parse(stdout), { count: 100, bytes: 13_000, problems: [] })
  const types = await readFile(join(modules, 'systemd-journald-ts/mod.d.ts'), 'utf8')
  t.match(types, /Journal/)
})
