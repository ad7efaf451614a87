// A table of cloud-configs, good and bad, each with the plan or the message that follows.

import t from 'tap'
import { describeStep } from '../plan/describe.ts'
import type { Plan } from '../plan/plan.ts'
import type { Case } from './cases/case.ts'
import { FILES } from './cases/files.ts'
import { KEYS } from './cases/keys.ts'
import { SCALARS } from './cases/scalars.ts'
import { SERVICES } from './cases/services.ts'
import { UNITS } from './cases/units.ts'
import { compileCloudConfig } from './compile.ts'
import { sniff } from './format.ts'
import { renderFindings } from './render.ts'
import { substitute } from './substitute.ts'

const GROUPS: [string, Case[]][] = [
  ['scalars', SCALARS],
  ['keys', KEYS],
  ['files', FILES],
  ['units', UNITS],
  ['services', SERVICES],
]

function contentsOf(plan: Plan): Record<string, string> {
  const found: Record<string, string> = {}
  for (const step of plan.steps) {
    if (step.kind === 'file' && step.content?.kind === 'inline')
      found[step.path] = Buffer.from(step.content.bytes).toString('utf8')
    if (step.kind !== 'unit') continue
    if (step.content !== undefined) found[step.name] = step.content
    for (const { name, content } of step.dropIns) found[`${step.name}/${name}`] = content
  }
  return found
}

for (const [group, cases] of GROUPS) {
  t.test(group, t => {
    for (const { name, config, plan = [], findings = [], contents = {} } of cases) {
      const compiled = compileCloudConfig(`#cloud-config\n${config}`, { substitutes: {} })
      t.same(compiled.plan.steps.map(describeStep), plan, `${name}: plan`)
      t.same(renderFindings(compiled.findings), findings, `${name}: findings`)
      const found = contentsOf(compiled.plan)
      for (const [path, text] of Object.entries(contents)) t.equal(found[path], text, `${name}: ${path}`)
    }
    t.end()
  })
}

t.test('there are enough of them', t => {
  const count = GROUPS.reduce((sum, [, cases]) => sum + cases.length, 0)
  t.ok(count >= 150, `${count} cases`)
  t.end()
})

t.test('what it is', t => {
  const cases: [string, string][] = [
    ['', 'empty'],
    ['\n \n', 'empty'],
    ['#!/bin/sh\n', 'script'],
    ['#cloud-config', 'cloud-config'],
    ['#cloud-config  \r\nhostname: a', 'cloud-config'],
    ['#cloud-config: x', 'unknown'],
    [' #cloud-config', 'unknown'],
    ['{"ignition":{"version":"3.4.0"}}', 'ignition'],
    ['{"ignitionVersion":1}', 'ignition'],
    ['{"a":1}', 'unknown'],
    ['variant: flatcar\nversion: 1.0.0\n', 'butane'],
    ['hostname: a', 'unknown'],
    ['Content-Type: multipart/mixed', 'unknown'],
    ['#cloud-config\n\0', 'unknown'],
  ]
  for (const [text, format] of cases) t.equal(sniff(Buffer.from(text)).format, format, JSON.stringify(text))
  t.equal(sniff(Buffer.from([0x23, 0xff])).format, 'unknown', 'no UTF-8')
  t.equal(
    sniff(Buffer.from('H4sIAAAAAAACA1NOzskvTdFNzs9Ly0wHABt6mQENAAAA', 'base64')).format,
    'cloud-config',
    'packed',
  )
  t.equal(sniff(Buffer.from([0x1f, 0x8b, 1])).format, 'unknown', 'badly packed')
  t.end()
})

t.test('addresses are put in before anything is read', t => {
  const values = { private_ipv4: '10.0.0.1', public_ipv4: '192.0.2.1' }
  const cases: [string, string][] = [
    ['http://$private_ipv4:1,$public_ipv4', 'http://10.0.0.1:1,192.0.2.1'],
    ['$private_ipv4$public_ipv4', '10.0.0.1192.0.2.1'],
    ['\\$private_ipv4', '$private_ipv4'],
    ['$private_ipv6.', '.'],
    ['$private', '$private'],
  ]
  for (const [text, expected] of cases) t.equal(substitute(text, values).text, expected, text)
  t.same(substitute('a\n b: $public_ipv6\n# $public_ipv6', {}).missing, [
    { name: 'public_ipv6', line: 2, column: 5 },
  ])
  const { findings } = compileCloudConfig('#cloud-config\nhostname: a$public_ipv4', {
    substitutes: {},
    tellMissing: true,
  })
  t.same(renderFindings(findings), [
    'line 2:12: warning: $public_ipv4 is not known here, and becomes nothing',
  ])
  t.end()
})

t.test('what the platform says is there beside it', t => {
  const options = {
    substitutes: { private_ipv4: '10.0.0.1' },
    hostname: 'platform',
    keys: ['k'],
    sshKeyName: 'set',
  }
  const steps = (config: string) =>
    compileCloudConfig(`#cloud-config\n${config}`, options).plan.steps.map(describeStep)
  for (const nothing of ['', 'once: false'])
    t.same(steps(nothing), [
      'hostname platform',
      '1 key of core in set set',
      'in /etc/environment: COREOS_PRIVATE_IPV4=10.0.0.1',
    ])
  t.same(steps('hostname: own\nwrite_files: [{path: /etc/environment, content: x}]'), [
    'hostname own',
    '1 key of core in set set',
    'file /etc/environment 0644, 1 byte',
  ])
  t.ok(compileCloudConfig('#cloud-config\nonce: yes', options).once)
  t.end()
})

t.test('rubbish ends in a finding, and in time', t => {
  let state = 7
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 2 ** 32
  }
  const seeds = GROUPS.flatMap(([, cases]) => cases.map(({ config }) => config)).filter(
    config => config.length > 20,
  )
  const letters = ' \n-:#&*{}[]"\'|>%@`,?!\t~\\abc0'
  for (let round = 0; round < 3000; round++) {
    const text = [...seeds[round % seeds.length]!]
    for (let count = 0; count < 1 + next() * 5; count++)
      text[Math.floor(next() * text.length)] = letters[Math.floor(next() * letters.length)]!
    compileCloudConfig(`#cloud-config\n${text.join('')}`, { substitutes: {} })
  }
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 12; level++) {
    const before = String.fromCharCode(96 + level)
    const name = String.fromCharCode(97 + level)
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(', ')}]`)
  }
  const { findings } = compileCloudConfig(`#cloud-config\n${bomb.join('\n')}\n`, { substitutes: {} })
  t.match(
    renderFindings(findings).join('\n'),
    /error: the document is too deep, or its aliases stand for too much/,
  )
  t.end()
})
