// A slot that is damaged loses its three tries and hands over to the other one, as does one without health; when no
// slot has tries left, the machine stays up.

import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { inspectDisk } from '../../build/disk/inspect.ts'
import { prepareDisk } from '../../build/vm/disk.ts'
import { FILE_TIMEOUT_MS, machineFolder, said, startMachine } from './lib/guest.ts'
import { openLaboratory, testImage } from './lib/image.ts'

t.setTimeout(FILE_TIMEOUT_MS)

const laboratory = await openLaboratory()
const { images } = await testImage({ bothSlots: true })
const disk = { base: images.raw, format: 'raw' } as const
const TRIES = 'a_tries='

/** Bytes from the beginning of the disk to the first block of a file in slot a. */
async function offsetInSlotA(path: string): Promise<number> {
  const { partitions } = await inspectDisk(images.raw, laboratory.tools)
  const slot = partitions.find(partition => partition.label === 'ROOT-A')!.offset
  const words = [`--offset=${slot}`, `--path=${path}`, '-e', images.raw]
  const { stdout } = await laboratory.tools.run('dump.erofs', words)
  const extent = /^\s+0:\s+0\.\.\s+\d+ \|\s+\d+ :\s+(\d+)\.\./m.exec(stdout)
  if (!extent) throw new Error(`dump.erofs tells no extent of ${path}: ${stdout}`)
  return slot + Number(extent[1])
}

/** Bytes from the beginning of the disk to the digit of the tries of slot a in GRUB's environment block. */
async function offsetOfTries(): Promise<number> {
  const { partitions } = await inspectDisk(images.raw, laboratory.tools)
  const { offset, size } = partitions.find(partition => partition.label === 'ESP')!
  const file = await open(images.raw)
  try {
    const esp = Buffer.alloc(size)
    await file.read(esp, 0, size, offset)
    return offset + esp.indexOf(TRIES, esp.indexOf('# GRUB Environment Block\n')) + TRIES.length
  } finally {
    await file.close()
  }
}

/** Changes one byte on the disk of a machine that does not run. */
async function changeByte(folder: string, offset: number, change: (old: number) => number): Promise<void> {
  const { tools } = laboratory
  const file = join(folder, 'disk.qcow2')
  const { stdout } = await tools.run('qemu-io', ['-r', '-f', 'qcow2', '-c', `read -v ${offset} 1`, file])
  const old = /^[0-9a-f]+:\s+([0-9a-f]{2})/m.exec(stdout)?.[1]
  if (old === undefined) throw new Error(`qemu-io shows no byte: ${stdout}`)
  const changed = `0x${change(Number.parseInt(old, 16)).toString(16)}`
  await tools.run('qemu-io', ['-f', 'qcow2', '-c', `write -P ${changed} ${offset} 1`, file])
}

t.test('one flipped bit in the active slot', async t => {
  const folder = await machineFolder(t)
  await prepareDisk(folder, disk, laboratory.host.programs)
  await changeByte(folder, await offsetInSlotA('/usr/lib/systemd/systemd'), old => old ^ 1)
  const machine = await startMachine(t, laboratory, { folder, disk })
  const last = await machine.waitBoot({ count: 4 })
  t.same(
    machine.boots.map(boot => [boot.slot, boot.tries, boot.version !== undefined]),
    [
      ['a', 2, false],
      ['a', 1, false],
      ['a', 0, false],
      ['b', 2, true],
    ],
    'three tries of slot a, then slot b',
  )
  t.equal(last.slot, 'b')
  const met = machine.console.transcript.text.match(/device-mapper: verity: .* is corrupted/g)?.length ?? 0
  t.ok(met >= 3, `dm-verity spoke up ${met} times`)
  t.match(await said(machine, 'cat /proc/cmdline'), 'orlop.slot=b')
  const state = JSON.parse(await said(machine, 'sudo slotctl status --json'))
  t.match(state, {
    booted: 'b',
    next: 'b',
    slots: { a: { tries: 0, good: false }, b: { tries: 3, good: true } },
  })
  t.equal(await said(machine, 'systemctl is-system-running --wait'), 'running')
  await machine.close()
})

/** With its last try: how GRUB counts them does not depend on what becomes of the boot. */
t.test('a slot that does not become healthy', async t => {
  const folder = await machineFolder(t)
  await prepareDisk(folder, disk, laboratory.host.programs)
  await changeByte(folder, await offsetOfTries(), () => '1'.charCodeAt(0))
  const check = (slots: string) => `#!/bin/sh\n! grep -q 'orlop.slot=[${slots}]' /proc/cmdline\n`
  const path = '/etc/orlop/health.d/50-test'
  const machine = await startMachine(t, laboratory, {
    ...{ folder, disk },
    credentials: { 'tmpfiles.extra': `d /etc/orlop/health.d 0755 root root -\n` },
    guestFiles: [{ path, mode: '0755', content: check('a') }],
  })
  t.match(await machine.waitBoot().catch((error: unknown) => error), /boot 1 failed/)
  await machine.waitBoot({ count: 2 })
  t.same(
    machine.boots.map(boot => [
      boot.slot,
      boot.tries,
      boot.failure !== undefined,
      boot.version !== undefined,
    ]),
    [
      ['a', 0, true, false],
      ['b', 2, false, true],
    ],
  )
  t.match(machine.boots[0]?.failure, path, 'the reason is told')
  t.equal(await said(machine, 'systemctl is-system-running --wait'), 'running')

  await t.test('with no tries left anywhere the machine stays up, unhealthy as it is', async t => {
    // The file is written by the guest at every boot, so the check for both slots stands beside it.
    const other = Buffer.from(check('ab')).toString('base64')
    await said(
      machine,
      `echo ${other} | base64 -d | sudo tee ${path}-both >/dev/null; sudo chmod 755 ${path}-both`,
    )
    await said(machine, 'sudo slotctl mark-bad a && sudo slotctl mark-bad b')
    await machine.ssh.exec('sudo systemctl reboot')
    const boot = await machine.console.waitBoot(3, seen => seen.failure !== undefined, {
      timeoutMs: FILE_TIMEOUT_MS / 2,
      what: 'failed health checks of the last resort',
    })
    t.equal(boot.tries, 0)
    await machine.ssh.waitReady(60_000)
    t.match(await said(machine, 'cat /proc/cmdline'), 'orlop.lastresort=1')
    t.equal(machine.boots.length, 3, 'it did not restart')

    await t.test('and will come right when the cause is removed', async t => {
      await said(machine, `sudo rm ${path}-both`)
      await said(machine, 'sudo slotctl set-active b')
      t.match(JSON.parse(await said(machine, 'sudo slotctl status --json')), {
        next: 'b',
        slots: { a: { tries: 0 }, b: { tries: 3 } },
      })
    })
  })
  await machine.close()
})

// The sources of both tests: a rename there must not make them pass for nothing.
t.test('the words that the tests look for are those of the image', async t => {
  t.match(
    await readFile(new URL('../../image/overlay/usr/lib/orlop/health', import.meta.url), 'utf8'),
    '/etc/orlop/health.d/',
  )
})
