import t from 'tap'
import { describeStep } from '../plan/describe.ts'
import type { Step } from '../plan/plan.ts'
import { compileIgnition } from './compile.ts'

const ignition = { version: '3.4.0' }

/** The steps of a configuration with others merged into it, in their order. */
function merged(parent: object, ...children: object[]): Step[] {
  const source = (child: object) => ({
    source: `data:,${encodeURIComponent(JSON.stringify({ ignition, ...child }))}`,
  })
  const text = JSON.stringify({
    ignition: { ...ignition, config: { merge: children.map(source) } },
    ...parent,
  })
  const { plan, findings } = compileIgnition(text, 'ignition')
  t.same(findings, [])
  return plan.steps
}

const lines = (steps: Step[]) => steps.map(describeStep)
const storage = (lists: object) => ({ storage: lists })

t.test('an entry takes the place of one of another kind at its path', t => {
  const steps = merged(
    storage({ files: [{ path: '/a' }, { path: '/b' }], links: [{ path: '/c', target: '/x' }] }),
    storage({ links: [{ path: '/a', target: '/y' }], directories: [{ path: '/c' }] }),
  )
  t.same(lines(steps), ['directory /c', 'file /b, empty if missing', 'link /a to /y'])
  t.end()
})

t.test('lists of arguments and of appended contents are put one behind the other', t => {
  const filesystem = (options: string[]) =>
    storage({ filesystems: [{ device: '/dev/vdb', format: 'ext4', options }] })
  const [step] = merged(filesystem(['-E', 'a', '-m', '1']), filesystem(['-E', 'b']))
  t.match(step, { options: ['-E', 'a', '-m', '1', '-E', 'b'] })
  const file = (text: string) =>
    storage({ files: [{ path: '/a', append: [{ source: `data:,${text}` }, { source: 'data:,same' }] }] })
  t.same(lines(merged(file('1'), file('2'))), ['file /a, 1 byte + 4 bytes + 1 byte + 4 bytes'])
  t.end()
})

t.test('headers are replaced by name, and taken away without a value', t => {
  const file = (httpHeaders: object[], source = {}) =>
    storage({ files: [{ path: '/a', contents: { ...source, httpHeaders } }] })
  const [step] = merged(
    file(
      [
        { name: 'X-A', value: '1' },
        { name: 'X-B', value: '2' },
      ],
      { source: 'https://h/' },
    ),
    file([{ name: 'X-A' }, { name: 'X-B', value: '3' }]),
  )
  t.match(step, { content: { headers: [{ name: 'X-B', value: '3' }] } })
  t.end()
})

t.test('what a child does not say, or says null of, stays', t => {
  const steps = merged(
    { passwd: { users: [{ name: 'core', shell: '/bin/sh', uid: 500, groups: ['a'] }] } },
    { passwd: { users: [{ name: 'core', shell: null, uid: 501, groups: ['a', 'b'] }] } },
  )
  t.match(steps, [{ shell: '/bin/sh', uid: 501, groups: ['a', 'b'] }])
  t.end()
})

t.test('children in their order, and those of children before their parents', t => {
  const file = (text: string) => storage({ files: [{ path: '/a', contents: { source: `data:,${text}` } }] })
  t.same(lines(merged(file('1'), file('22'), file('333'))), ['file /a, 3 bytes'])
  const grandchild = { source: `data:,${encodeURIComponent(JSON.stringify({ ignition, ...file('4444') }))}` }
  const child = { ignition: { ...ignition, config: { merge: [grandchild] } }, ...file('22') }
  t.same(lines(merged(file('1'), child)), ['file /a, 4 bytes'])
  t.same(lines(merged(file('1'), child, file('333'))), ['file /a, 3 bytes'])
  t.end()
})
