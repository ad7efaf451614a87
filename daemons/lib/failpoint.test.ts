import { spawnSync } from 'node:child_process'
import t from 'tap'
import { failpoint, parseFailpoints, setFailpoints } from './failpoint.ts'

t.test('settings', t => {
  const actions = parseFailpoints('wal.beforeSync=kill;a=exit(3);b=sleep(250);c=throw;d=100*kill;')
  t.same(
    [...actions],
    [
      ['wal.beforeSync', { type: 'kill', value: 0, time: 0 }],
      ['a', { type: 'exit', value: 3, time: 0 }],
      ['b', { type: 'sleep', value: 250, time: 0 }],
      ['c', { type: 'throw', value: 0, time: 0 }],
      ['d', { type: 'kill', value: 0, time: 100 }],
    ],
  )
  t.equal(parseFailpoints('').size, 0)
  for (const bad of [
    'a',
    'a=',
    'a=die',
    'a=exit',
    'a=sleep()',
    'a=kill(1)',
    'a=-1*kill',
    '=kill',
    'a=kill b=kill',
  ])
    t.throws(() => parseFailpoints(bad), { name: 'UserError' }, bad)
  t.end()
})

t.test('nothing happens until they are armed', t => {
  failpoint('a')
  const reached: string[] = []
  setFailpoints(name => reached.push(name))
  failpoint('a')
  failpoint('b')
  setFailpoints(undefined)
  failpoint('c')
  t.same(reached, ['a', 'b'])
  t.end()
})

t.test('by the environment', t => {
  const script = `
    import { armFailpoints } from ${JSON.stringify(new URL('./host/failpoint.ts', import.meta.url).href)}
    import { failpoint } from ${JSON.stringify(new URL('./failpoint.ts', import.meta.url).href)}
    armFailpoints(process.env)
    for (let time = 0; time < 3; time++) { failpoint('x'); console.log(time) }`
  const run = (setting: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ORLOP_FAILPOINTS: setting },
    })
  t.match(run(''), { status: 0, stdout: '0\n1\n2\n' })
  t.match(run('y=kill'), { status: 0, stdout: '0\n1\n2\n' })
  t.match(run('x=2*exit(7)'), { status: 7, stdout: '0\n' })
  t.match(run('x=3*kill'), { signal: 'SIGKILL', stdout: '0\n1\n' })
  t.match(run('x=throw'), { status: 1, stdout: '' })
  t.match(run('x=sleep(1)'), { status: 0, stdout: '0\n1\n2\n' })
  t.match(run('x=nonsense').stderr, /ORLOP_FAILPOINTS: x=nonsense is not/)
  t.end()
})
