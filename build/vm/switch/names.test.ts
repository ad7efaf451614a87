import t from 'tap'
import { NameTable } from './names.ts'

const ADDRESS = 0xac110866
const table = new NameTable('orlop.internal', 0xac110801)
table.set('core-02', ADDRESS)
table.set('elsewhere', 0x0a000266)

function find(name: string) {
  return table.find(name === '' ? [] : name.split('.'))
}

t.test('machines, with and without the domain', async t => {
  t.same(find('core-02'), { kind: 'address', address: ADDRESS, zone: 0 })
  t.same(find('core-02.orlop.internal'), { kind: 'address', address: ADDRESS, zone: 2 })
  t.same(table.entries(), { 'core-02': '172.17.8.102', elsewhere: '10.0.2.102' })
})

t.test('names of ours that are not there', async t => {
  t.same(find('core-09.orlop.internal'), { kind: 'absent', zone: 2 })
  t.same(find('www.core-02.orlop.internal'), { kind: 'absent', zone: 2 })
  t.same(find('core-02.www.orlop.internal'), { kind: 'absent', zone: 2 })
  t.same(find('orlop.internal'), { kind: 'zone', zone: 2 })
})

t.test('names that are not ours', async t => {
  for (const name of ['', 'core-09', 'internal', 'example.com', 'core-02.example', 'orlop.internal.com'])
    t.same(find(name), { kind: 'foreign' }, name)
  t.same(table.find(['core-02.orlop', 'internal']), { kind: 'foreign' }, 'a dot within a label')
})

t.test('addresses that are turned around', async t => {
  const name = ['core-02', 'orlop', 'internal']
  t.same(find('102.8.17.172.in-addr.arpa'), { kind: 'pointer', name, zone: 5 })
  t.same(find('103.8.17.172.in-addr.arpa'), { kind: 'absent', zone: 5 })
  t.same(find('0102.8.17.172.in-addr.arpa'), { kind: 'absent', zone: 5 })
  t.same(find('1.102.8.17.172.in-addr.arpa'), { kind: 'absent', zone: 5 })
  t.same(find('8.17.172.in-addr.arpa'), { kind: 'zone', zone: 5 })
  for (const foreign of [
    '102.9.17.172.in-addr.arpa',
    '102.2.0.10.in-addr.arpa',
    'in-addr.arpa',
    'x.ip6.arpa',
  ])
    t.same(find(foreign), { kind: 'foreign' }, foreign)
})

t.test('machines come, move and go', async t => {
  const table = new NameTable('a', 0xac110801)
  t.same(table.find(['x']), { kind: 'foreign' })
  table.set('x', 1)
  table.set('x', 2)
  t.same(table.find(['x', 'a']), { kind: 'address', address: 2, zone: 1 })
  table.delete('x')
  t.same(table.find(['x', 'a']), { kind: 'absent', zone: 1 })
})
