import t from 'tap'
import { parseAnswer } from './accelerator.ts'
import { PROBE_EXIT_STATUS, probeSector } from './probe-sector.ts'

t.test('a kept answer counts only for its own question', async t => {
  const text = '{"question":"boot1 /usr/bin/qemu","accelerator":"kvm"}'
  t.equal(parseAnswer(text, 'boot1 /usr/bin/qemu'), 'kvm')
  t.equal(parseAnswer(text, 'boot2 /usr/bin/qemu'), undefined)
  for (const bad of ['', 'null', '[]', '{"question":"q"}', '{"question":"q","accelerator":"hvf"}'])
    t.equal(parseAnswer(bad, 'q'), undefined, bad)
})

t.test('the probe is a boot sector', async t => {
  const sector = probeSector()
  t.equal(sector.length, 512)
  t.same([...sector.subarray(510)], [0x55, 0xaa])
  t.equal(sector[0], 0xfa)
  t.equal(PROBE_EXIT_STATUS, 33)
})
