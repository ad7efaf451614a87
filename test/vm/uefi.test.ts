// The same image on a machine with UEFI firmware, an NVMe disk and another network card.

import t from 'tap'
import { checkHealthy, checkRoot } from './lib/checks.ts'
import { FILE_TIMEOUT_MS, said, startMachine } from './lib/guest.ts'
import { openLaboratory, testImage } from './lib/image.ts'

t.setTimeout(FILE_TIMEOUT_MS)

t.test('a machine with UEFI, NVMe and e1000e', async t => {
  const laboratory = await openLaboratory()
  const { images, version } = await testImage()
  const machine = await startMachine(t, laboratory, {
    disk: { base: images.raw, format: 'raw' },
    firmware: 'uefi',
    diskBus: 'nvme',
    networkCard: 'e1000e',
  })
  t.match(await machine.waitBoot(), { slot: 'a', tries: 2, rooted: true, version })
  t.equal(await said(machine, 'test -d /sys/firmware/efi && echo uefi'), 'uefi')
  t.match(await said(machine, 'readlink -f /run/orlop/dev/root-a'), '/dev/nvme')

  await t.test('is healthy', t => checkHealthy(t, machine))
  await t.test('has a root that cannot be written', t => checkRoot(t, machine))

  await t.test('comes back after the reset button', async t => {
    await machine.reset()
    t.match(await machine.waitBoot({ count: 2 }), { slot: 'a', tries: 2 })
    t.ok(machine.qmp.events.some(event => event.name === 'RESET'))
    await checkHealthy(t, machine)
  })
})
