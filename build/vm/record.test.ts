import t from 'tap'
import { checkMachineName, formatRecord, type MachineRecord, parseRecord } from './record.ts'

const RECORD: MachineRecord = {
  version: 1,
  name: 'one',
  memoryMiB: 1024,
  cpus: 2,
  firmware: 'uefi',
  diskBus: 'nvme',
  networkCard: 'e1000',
  image: '/x/orlop.raw',
  process: { pid: 12, startTicks: 34, bootId: 'b' },
  sshPort: 40000,
  consoleStart: 7,
}

t.test('there and back', async t => {
  t.same(parseRecord(formatRecord(RECORD), 'f'), RECORD)
  const { process: _, sshPort: __, consoleStart: ___, ...stopped } = RECORD
  t.same(parseRecord(formatRecord(stopped), 'f'), stopped)
})

t.test('bad records name the file and the field', async t => {
  const cases: [text: string, message: RegExp][] = [
    ['', /^f: is not JSON/],
    ['null', /^f: is not an object/],
    ['{"version":2}', /^f: version is 2/],
    [formatRecord({ ...RECORD, cpus: 1.5 }), /^f: cpus/],
    [JSON.stringify({ ...RECORD, firmware: 'efi' }), /^f: firmware must be one of bios, uefi/],
    [JSON.stringify({ ...RECORD, process: 3 }), /^f: process/],
    [JSON.stringify({ ...RECORD, process: {} }), /^f: pid/],
    [JSON.stringify({ ...RECORD, sshPort: '22' }), /^f: sshPort/],
    [JSON.stringify({ ...RECORD, name: '' }), /^f: name/],
  ]
  for (const [text, message] of cases) t.throws(() => parseRecord(text, 'f'), { name: 'UserError', message })
})

t.test('names', async t => {
  for (const name of ['a', 'node-1', 'x'.repeat(32)]) t.equal(checkMachineName(name), name)
  for (const name of ['', '..', 'a/b', 'A', '1a', '-a', 'a b', 'x'.repeat(33)])
    t.throws(() => checkMachineName(name), { name: 'UserError' }, name)
})
