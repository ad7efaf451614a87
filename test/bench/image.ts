import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { replaceFile } from '#lib/durable.ts'
import { describeFailure } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import { measureBinary } from '../../build/bundle/measure.ts'
import { Cache } from '../../build/cache/cache.ts'
import { terminalProgress } from '../../build/cli/terminal.ts'
import { findMirrors } from '../../build/deb/host/apt.ts'
import { readLock } from '../../build/deb/host/repository.ts'
import { type BuildResult, buildImage } from '../../build/image.ts'
import { Tools } from '../../build/tools/tools.ts'
import { chooseAccelerator } from '../../build/vm/accelerator.ts'
import type { MachineHost } from '../../build/vm/machine.ts'
import { choosePrograms } from '../../build/vm/programs.ts'
import { measureBoot, measureIdleMemory } from './boots.ts'
import { describeHost } from './host.ts'
import { formatResults, type ImageResults, mergeResults, replaceTable } from './report.ts'
import { median, type Phase, timedProgress } from './timing.ts'

const HELP = `Measures the image: building it, its size, its boots, its memory. Takes about 15 minutes on two cores.

usage: npm run bench:image [-- --no-cold] [-- --no-zstd] [-- --no-boot]

What is left out keeps its last value. Run it on an idle machine: boots under TCG take all cores.
Writes bench-results/image.json and the table in docs/numbers.md.
`
const BOOTS = 3
const SMALL_MEMORY_MIB = 512

const root = resolve(import.meta.dirname, '../..')
const resultsFile = join(root, 'bench-results/image.json')
const page = join(root, 'docs/numbers.md')
const progress: Progress = terminalProgress(process.stderr, () => performance.now())

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'no-cold': { type: 'boolean' },
      'no-zstd': { type: 'boolean' },
      'no-boot': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const cache = await Cache.open()
  const tools = await Tools.open(await readLock(root), { cache, mirrors: findMirrors, progress })
  const host: MachineHost = { programs: choosePrograms(tools, process.env), cacheFolder: cache.root }
  const machine = await describeHost(await chooseAccelerator(host.programs, cache.root, undefined))
  const work = await mkdtemp(join(tmpdir(), 'orlop-bench-'))
  try {
    const { result, ...times } = await measureBuilds(work, cache, values['no-cold'] !== true)
    const results: ImageResults = {
      ...(await measureSizes(result)),
      ...times,
      ...(values['no-zstd'] ? {} : { imageBytesZstd: await compressedSize(result.images.raw, work, tools) }),
      ...(values['no-boot'] ? {} : await measureBoots(result.images.raw, host)),
      machine,
    }
    await report(mergeResults(await readResults(), results))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Cold: a cache of its own, empty. Warm: the same call once more. */
async function measureBuilds(work: string, warmCache: Cache, cold: boolean) {
  const build = async (cache: Cache, phases: Phase[]) => {
    const started = performance.now()
    const timed = timedProgress(phases, () => performance.now(), progress)
    const result = await buildImage({ root, cache, out: join(work, 'out'), progress: timed })
    return { result, seconds: (performance.now() - started) / 1000 }
  }
  const buildColdPhases: Phase[] = []
  const cache = cold ? await Cache.open(join(work, 'cache')) : warmCache
  const first = await build(cache, buildColdPhases)
  const { result, seconds } = await build(cache, [])
  const times = cold ? { buildColdSeconds: first.seconds, buildColdPhases } : {}
  return { result, buildWarmSeconds: seconds, ...times }
}

async function measureSizes(result: BuildResult) {
  const { sizes, components, binary, images } = result
  const { startMs } = await measureBinary(binary)
  return {
    imageBytesRaw: sizes.raw,
    imageBytesAllocated: (await stat(images.raw)).blocks * 512,
    rootBytes: sizes.root,
    kernelBytes: sizes.kernel,
    initrdBytes: sizes.initrd,
    binaryBytes: sizes.binary,
    bundleBytes: sizes.bundle,
    binaryStartMs: startMs,
    components,
  }
}

async function compressedSize(raw: string, work: string, tools: Tools): Promise<number> {
  const task = progress.begin('Compressing the raw image with zstd -19')
  const file = join(work, 'image.zst')
  await tools.run('zstd', ['-19', '-T2', '--quiet', '-f', raw, '-o', file])
  const { size } = await stat(file)
  await rm(file)
  task.end(`${(size / 1e6).toFixed(1)} MB`)
  return size
}

async function measureBoots(image: string, host: MachineHost) {
  const task = progress.begin('Booting', { total: BOOTS + 1, unit: 'items' })
  const boots: { login: number; complete: number }[] = []
  let idleMemoryMiB = 0
  for (let boot = 1; boot <= BOOTS; boot++) {
    const last = boot === BOOTS
    const times = await measureBoot(image, host, {}, async machine => {
      if (last) idleMemoryMiB = await measureIdleMemory(machine)
    })
    progress.note(`boot ${boot}: login ${times.login.toFixed(1)} s, complete ${times.complete.toFixed(1)} s`)
    boots.push(times)
    task.advance(1)
  }
  const small = await measureBoot(image, host, { memoryMiB: SMALL_MEMORY_MIB })
  task.advance(1)
  task.end()
  return {
    boots,
    bootToLoginSeconds: median(boots.map(({ login }) => login)),
    bootCompleteSeconds: median(boots.map(({ complete }) => complete)),
    bootComplete512MiBSeconds: small.complete,
    idleMemoryMiB,
  }
}

async function readResults(): Promise<Partial<ImageResults> | undefined> {
  const text = await readFile(resultsFile, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

async function report(results: ImageResults): Promise<void> {
  await mkdir(join(root, 'bench-results'), { recursive: true })
  await replaceFile(resultsFile, `${JSON.stringify(results, null, 2)}\n`)
  const table = formatResults(results)
  await replaceFile(page, replaceTable(await readFile(page, 'utf8'), table))
  process.stdout.write(`${table}\n\nbench-results/image.json and docs/numbers.md are written\n`)
}

try {
  await main()
} catch (error) {
  const line = describeFailure(error)
  if (line === undefined) console.error(error)
  else process.stderr.write(`bench:image: ${line}\n`)
  process.exitCode = 1
}
process.exit(process.exitCode)
