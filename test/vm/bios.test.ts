// A machine with BIOS firmware: what a user sees, what survives a restart, and the machine's buttons.

import t from 'tap'
import { checkClosed, checkContainers, checkHealthy, checkRoot } from './lib/checks.ts'
import { FILE_TIMEOUT_MS, restart, SLOW_COMMAND_MS, said, startMachine } from './lib/guest.ts'
import { openLaboratory, testImage } from './lib/image.ts'

t.setTimeout(FILE_TIMEOUT_MS)

t.test('a machine with BIOS', async t => {
  const laboratory = await openLaboratory()
  const { images, version } = await testImage()
  const machine = await startMachine(t, laboratory, { disk: { base: images.raw, format: 'raw' } })
  t.match(await machine.waitBoot(), { slot: 'a', tries: 2, rooted: true, version })

  await t.test('is healthy', t => checkHealthy(t, machine))
  await t.test('runs containers', t => checkContainers(t, machine))
  await t.test('has a root that cannot be written', t => checkRoot(t, machine))
  await t.test('has no door but SSH', t => checkClosed(t, machine))

  await t.test('has used the whole disk for state', async t => {
    const kib = Number(await said(machine, 'df --output=size -k /state | tail -n 1'))
    t.ok(kib > 5 * 1024 * 1024, `${kib} KiB of a disk of 8 GiB`)
    t.match(await said(machine, 'findmnt -no FSTYPE /var'), 'ext4')
  })

  await t.test('takes no options for our programs from the environment', async t => {
    const plain = await said(machine, 'slotctl --help')
    for (const options of ['--require=/nonexistent.js', '--no-such-option', '--version'])
      t.equal(await said(machine, `NODE_OPTIONS=${options} slotctl --help`), plain, options)
  })

  await t.test('files go in and out', async t => {
    const path = `${t.testdir({ 'in.bin': Buffer.from([0, 1, 2, 255]) })}`
    await machine.ssh.copyIn(`${path}/in.bin`, '/root/in.bin', { sudo: true })
    await machine.ssh.copyOut('/root/in.bin', `${path}/out.bin`, { sudo: true })
    const { readFile } = await import('node:fs/promises')
    t.same([...(await readFile(`${path}/out.bin`))], [0, 1, 2, 255])
  })

  await t.test('is held and let go', async t => {
    await machine.stop()
    t.equal(await machine.status(), 'paused')
    await machine.cont()
    t.equal(await machine.status(), 'running')
    t.ok(machine.qmp.events.some(event => event.name === 'STOP'))
    t.equal(await said(machine, 'echo awake'), 'awake')
  })

  await t.test('keeps its state over a restart', async t => {
    const places = ['/etc/kept', '/var/lib/kept', '/home/core/kept', '/root/kept']
    for (const place of places) await said(machine, `echo here | sudo tee ${place}`)
    const identity = 'cat /etc/machine-id; cat /etc/ssh/ssh_host_ed25519_key.pub'
    const before = await said(machine, identity)
    const boot = await said(machine, 'cat /proc/sys/kernel/random/boot_id')
    await restart(machine)
    t.not(await said(machine, 'cat /proc/sys/kernel/random/boot_id'), boot, 'it is another boot')
    for (const place of places) t.equal(await said(machine, `sudo cat ${place}`), 'here', place)
    t.equal(await said(machine, identity), before, 'the same machine')
    t.equal(
      await said(machine, "journalctl --list-boots --no-pager | grep -cE '^ *-?[0-9]+ '"),
      '2',
      'the journal knows both boots',
    )
    t.match(machine.boots[1], { slot: 'a', tries: 2 }, 'the try was refunded')
    const images = 'sudo cat /var/lib/docker/image/overlay2/repositories.json'
    t.match(
      JSON.parse(await said(machine, images)).Repositories,
      { busybox: {} },
      'Docker has its image still',
    )
    await checkHealthy(t, machine)
  })

  await t.test('shuts down at the power button', async t => {
    await machine.powerdown(SLOW_COMMAND_MS)
    t.same(await machine.ended, { code: 0, signal: null })
    t.ok(machine.qmp.events.some(event => event.name === 'SHUTDOWN'))
  })
})
