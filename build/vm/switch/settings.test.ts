import t from 'tap'
import { checkPortName, formatSettings, PORTS_MAX, parseSettings, type SwitchSettings } from './settings.ts'

const GOOD: SwitchSettings = {
  version: 1,
  address: '172.17.8.1',
  domain: 'orlop.internal',
  seed: 1,
  ports: [{ name: 'core-01', address: '172.17.8.101' }, { name: 'core-02' }],
}

t.test('settings go through their file', async t => {
  t.same(parseSettings(formatSettings(GOOD)), GOOD)
})

t.test('what is no settings is refused by name', async t => {
  const cases: [object, string][] = [
    [{ version: 2 }, 'version is 2, must be 1'],
    [{ address: '1.2.3' }, '"1.2.3" is no address, such as \'172.17.8.101\''],
    [{ domain: 'Orlop' }, 'domain is "Orlop", must be like \'orlop.internal\''],
    [{ domain: 'a..b' }, 'domain is "a..b", must be like \'orlop.internal\''],
    [{ seed: -1 }, 'seed is -1, must be a whole number up to 4294967295'],
    [{ ports: {} }, `ports must be a list of up to ${PORTS_MAX}`],
    [{ ports: Array(PORTS_MAX + 1).fill({ name: 'a' }) }, `ports must be a list of up to ${PORTS_MAX}`],
    [{ ports: ['a'] }, 'a port must be an object'],
    [{ ports: [{ name: 'a' }, { name: 'a' }] }, 'the port a is there twice'],
    [{ ports: [{ name: '../a' }] }, '"../a" cannot be a port'],
    [{ ports: [{ name: 'a', address: 7 }] }, "7 is no address, such as '172.17.8.101'"],
  ]
  for (const [change, message] of cases)
    t.throws(() => parseSettings(JSON.stringify({ ...GOOD, ...change })), { name: 'UserError', message })
  t.throws(() => parseSettings('{'), {
    name: 'UserError',
    message: 'the settings of the switch are not JSON',
  })
  t.throws(() => parseSettings('[]'), { message: 'the settings of the switch must be an object' })
})

t.test('names of ports', async t => {
  for (const good of ['a', 'core-01', 'a'.repeat(32)]) t.equal(checkPortName(good), good)
  for (const bad of ['', 'A', '1a', 'a'.repeat(33), 'a/b', 'control', '@host', 'a.b', 'a b', null, 7])
    t.throws(() => checkPortName(bad), { name: 'UserError' }, String(bad))
})
