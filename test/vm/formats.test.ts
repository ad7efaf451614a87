// The image for VirtualBox and VMware, on the controller and card that VirtualBox gives a machine, with little memory.

import t from 'tap'
import { checkHealthy } from './lib/checks.ts'
import { FILE_TIMEOUT_MS, said, startMachine } from './lib/guest.ts'
import { openLaboratory, testImage } from './lib/image.ts'

t.setTimeout(FILE_TIMEOUT_MS)

t.test('a VMDK on AHCI with e1000 and 512 MiB', async t => {
  const laboratory = await openLaboratory()
  const { images } = await testImage({ formats: ['vmdk'] })
  const machine = await startMachine(t, laboratory, {
    disk: { base: images.vmdk!, format: 'vmdk' },
    diskBus: 'ahci',
    networkCard: 'e1000',
    memoryMiB: 512,
  })
  t.match(await machine.waitBoot(), { slot: 'a', tries: 2, rooted: true })
  t.ok(Number(await said(machine, "awk '/MemTotal/ {print $2}' /proc/meminfo")) < 512 * 1024)
  t.match(await said(machine, 'readlink -f /run/orlop/dev/root-a'), '/dev/sd')
  t.match(await said(machine, 'readlink /sys/class/net/e*/device/driver'), /e1000$/)
  await checkHealthy(t, machine)
})
