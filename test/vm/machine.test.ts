// What is around a guest, with one that is up at once: control, console, life and death of QEMU.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { probe, probeKernel } from '../../build/vm/accelerator.ts'
import { cpuModel } from '../../build/vm/arguments.ts'
import { isRunning } from '../../build/vm/identity.ts'
import { Machine, readRecord } from '../../build/vm/machine.ts'
import type { MachineOptions } from '../../build/vm/plan.ts'
import { machineFolder } from './lib/guest.ts'
import { openLaboratory, ROOT, testImage } from './lib/image.ts'
import { talkingSector } from './lib/sector.ts'

t.setTimeout(180_000)

const laboratory = await openLaboratory()
const { host } = laboratory
const SHORT_MS = 30_000
const GREETING = 'ORLOP: grub slot=a tries=2\r\nhello\r\n'

async function options(t: Test, more: Partial<MachineOptions> = {}): Promise<MachineOptions> {
  const parent = await machineFolder(t)
  // Longer than a socket's path may be, with characters that option lists and shells know.
  const folder = join(parent, `a, 'long' name ${'x'.repeat(80)}`)
  await mkdir(folder)
  writeFileSync(join(parent, 'sector.raw'), talkingSector(GREETING))
  return {
    name: 'tiny',
    folder,
    memoryMiB: 64,
    cpus: 1,
    disk: { base: join(parent, 'sector.raw'), format: 'raw' },
    ...more,
  }
}

t.test('the probe of an accelerator runs under TCG', async t => {
  t.equal(await probe(host.programs, 'tcg', 'max'), true)
  t.equal(await probe(host.programs, 'tcg', 'no-such-processor'), false)
  const { images } = await testImage()
  t.equal(await probeKernel(host.programs, 'tcg', cpuModel('tcg'), images.raw), true)
  t.equal(await probeKernel(host.programs, 'tcg', 'no-such-processor', images.raw), false)
})

t.test('control and console', async t => {
  const machine = await Machine.start(
    await options(t, {
      registry: laboratory.registry,
      credentials: { 'test.x': 'y' },
      forwards: [{ guest: 80 }],
    }),
    host,
  )
  t.teardown(() => machine.close())
  await machine.console.waitFor('hello', { timeoutMs: SHORT_MS })
  t.ok(machine.ports.get(22) && machine.ports.get(80), 'ports were chosen')
  t.equal(await machine.status(), 'running')
  await machine.stop()
  t.equal(await machine.status(), 'paused')
  await machine.cont()
  const since = machine.qmp.events.length
  await machine.reset()
  await machine.qmp.waitEvent('RESET', { timeoutMs: SHORT_MS, since })
  await machine.console.waitFor('hello', { timeoutMs: SHORT_MS })
  t.equal(machine.boots.length, 2, 'two starts')
  t.match(JSON.stringify(await machine.blockInfo()), 'qcow2')
  await t.rejects(Machine.start(await options(t, { folder: machine.folder }), host), /runs already/)
  const waiting = machine.console.waitFor('never said', { timeoutMs: SHORT_MS })
  waiting.catch(() => undefined)
  await machine.quit()
  await t.rejects(waiting, /the machine ended[\s\S]*hello/)
  t.equal((await readRecord(machine.folder))?.process, undefined)
})

t.test('the watchdog of the machine is there', async t => {
  const machine = await Machine.start(await options(t), host)
  t.teardown(() => machine.close())
  const tree = await machine.qmp.execute('human-monitor-command', { 'command-line': 'info qtree' })
  t.match(tree, 'i6300esb')
  t.match(tree, 'virtio-rng')
})

t.test('QEMU that cannot start says why', async t => {
  const bad = await options(t, { extra: ['-device', 'no-such-device'] })
  await t.rejects(Machine.start(bad, host), /QEMU ended at once: .*no-such-device/)
  await t.rejects(
    Machine.start(await options(t, { disk: { base: '/nonexistent.raw', format: 'raw' } }), host),
    /nonexistent\.raw: no such image/,
  )
})

t.test('a failure of QEMU itself is told from the end of a guest', async t => {
  const machine = await Machine.start(await options(t), host)
  t.teardown(() => machine.close())
  const waiting = machine.console.waitFor('never said', { timeoutMs: SHORT_MS })
  waiting.catch(() => undefined)
  process.kill((await readRecord(machine.folder))!.process!.pid, 'SIGABRT')
  await t.rejects(waiting, /the machine ended, as QEMU itself failed: /)
})

t.test('a process that is killed takes its machines with it', async t => {
  const wanted = await options(t)
  const script = `
    const { Machine } = await import('${ROOT}/build/vm/machine.ts')
    const { openLaboratory } = await import('${ROOT}/test/vm/lib/image.ts')
    const laboratory = await openLaboratory()
    const machine = await Machine.start(${JSON.stringify(wanted)}, laboratory.host)
    console.log('started')
    await machine.ended
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const record = JSON.parse(readFileSync(join(wanted.folder, 'machine.json'), 'utf8'))
  t.equal(await isRunning(record.process), true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const deadline = performance.now() + SHORT_MS
  while ((await isRunning(record.process)) && performance.now() < deadline) await new Promise(setImmediate)
  t.equal(await isRunning(record.process), false)
  t.equal(await Machine.open(wanted.folder, host), undefined, 'a machine that is gone is not opened')
})

t.test('a detached machine goes on, and others can open it', async t => {
  const wanted = await options(t, { lifetime: 'detached' })
  const first = await Machine.start(wanted, host)
  await first.console.waitFor('hello', { timeoutMs: SHORT_MS })
  const second = await Machine.open(wanted.folder, host)
  if (second === undefined) throw new Error('not opened')
  t.teardown(() => second.kill())
  await second.console.waitFor('hello', { timeoutMs: SHORT_MS })
  await first.close()
  t.equal(await second.status(), 'running')
  await second.quit()
  t.equal(await Machine.open(wanted.folder, host), undefined)
  const third = await Machine.start(wanted, host)
  t.teardown(() => third.kill())
  await third.console.waitFor('hello', { timeoutMs: SHORT_MS })
  t.equal(third.boots.length, 1, 'boots of earlier lives do not count')
})
