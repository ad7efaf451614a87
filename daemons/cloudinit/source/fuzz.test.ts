// Parsers of what strangers write: whatever they are given, they end, and fail in one way only.

import t, { type Test } from 'tap'
import { UserError } from '#lib/errors.ts'
import { addressFamily } from './address.ts'
import { parseCommandLine, splitWords } from './cmdline.ts'
import { parseDriveMetadata } from './configdrive.ts'
import { askEc2 } from './ec2.ts'
import { readGuestinfo } from './guestinfo.ts'
import { convertInterfaces } from './netconf.ts'
import { networkFiles } from './networkd.ts'
import { parseOvfEnvironment } from './ovfenv.ts'

const ROUNDS = 3000
const SEEDS = [1, 2, 3]
const PIECES_MAX = 40

/** Numbers below a bound, the same for a seed (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Texts put together from pieces that mean something, with a few characters that do not. */
function* texts(pieces: readonly string[]): Generator<string> {
  for (const seed of SEEDS) {
    const pick = chance(seed)
    for (let round = 0; round < ROUNDS; round++) {
      let text = ''
      for (let count = pick(PIECES_MAX); count > 0; count--)
        text += pick(12) === 0 ? String.fromCharCode(pick(256)) : pieces[pick(pieces.length)]
      yield text
    }
  }
}

function check(t: Test, text: string, parse: () => void): void {
  try {
    parse()
  } catch (error) {
    if (!(error instanceof UserError) || /[\r\n]/.test(error.message))
      t.fail(`${JSON.stringify(text)}: ${error instanceof Error ? error.stack : error}`)
  }
}

/** No value may begin a line of its own in a file of systemd. */
const UNIT_LINE = /^(|\[(Match|Link|Network|Route|NetDev|VLAN|Bond)\]|[A-Za-z0-9]+=[^\0\r\n]*)$/

function checkFiles(t: Test, text: string, files: { name: string; content: string }[]): void {
  for (const { name, content } of files) {
    if (!/^00-[A-Za-z0-9_.-]*\.(network|netdev)$/.test(name)) t.fail(`${JSON.stringify(text)}: ${name}`)
    const bad = content.split('\n').find(line => !UNIT_LINE.test(line))
    if (bad !== undefined) t.fail(`${JSON.stringify(text)}: ${JSON.stringify(bad)}`)
  }
}

t.test('command lines', t => {
  const pieces = [
    'coreos.config.url=',
    'http://a/',
    ' ',
    '"',
    'sshkey=',
    'x',
    '=',
    'coreos.configdrive',
    '0',
    '\n',
    'cloud-config-url=',
  ]
  for (const text of texts(pieces))
    check(t, text, () => {
      const { sshKeys, configUrl } = parseCommandLine(text)
      if (sshKeys.includes('') || configUrl === '') t.fail(JSON.stringify(text))
      // Quotes are gone, and nothing but them and white space is.
      const kept = splitWords(text).join('')
      if (kept.replace(/[\s\0]/g, '') !== text.replace(/["\s\0]/g, '')) t.fail(JSON.stringify(text))
    })
  t.pass()
  t.end()
})

t.test('files of interfaces', t => {
  const pieces = [
    'iface ',
    'eth0',
    'eth0.7',
    ' inet ',
    ' inet6 ',
    'static',
    'dhcp',
    '\n',
    ' ',
    'address ',
    '10.0.0.1/24',
    '::1',
    'netmask ',
    '255.0.0.0',
    'gateway ',
    'dns-search ',
    'bond-slaves ',
    'bond-mode ',
    '4',
    'vlan-raw-device ',
    'bond0',
    'hwaddress ',
    '02:00:00:00:00:01',
    'up route add ',
    '\\\n',
    '[Match]',
    'mtu ',
    '\r',
  ]
  for (const text of texts(pieces)) check(t, text, () => checkFiles(t, text, convertInterfaces(text).files))
  t.pass()
  t.end()
})

t.test('OVF environments', t => {
  const ns = 'xmlns="http://schemas.dmtf.org/ovf/environment/1"'
  const pieces = [
    '<',
    '>',
    '/>',
    '</',
    'a',
    '<a>',
    '</a>',
    `<Environment ${ns}>`,
    '<Property key="x" value="y"/>',
    '"',
    "'",
    '=',
    '&amp;',
    '&',
    ';',
    '&#65;',
    '<!--',
    '-->',
    '<?',
    '?>',
    '<![CDATA[',
    ']]>',
    '<!',
    ' ',
    '\n',
  ]
  for (const text of texts(pieces)) check(t, text, () => parseOvfEnvironment(text))
  const long = `<a ${ns}>${'<b c="d">x</b>'.repeat(50_000)}</a>`
  t.same([...parseOvfEnvironment(long)], [], 'a long one is no trouble')
  t.end()
})

t.test('meta_data.json', t => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    '"hostname"',
    ':',
    ',',
    '"public_keys"',
    '"a"',
    'null',
    '1',
    '"network_config"',
    '"content_path"',
    '"../x"',
    '{"public_keys":{"__proto__":',
  ]
  for (const text of texts(pieces)) check(t, text, () => parseDriveMetadata(text))
  t.pass()
  t.end()
})

t.test('guestinfo and metadata services that answer anything', t => {
  const pieces = [
    '10.0.0.1',
    '/24',
    'yes',
    '0=',
    'a',
    '\n',
    ' ',
    '::1',
    'private',
    '02:00:00:00:00:01',
    'base64',
    '0.0.0.0/0',
    '[Match]',
    '1',
  ]
  const answers = [...texts(pieces)]
  for (const seed of SEEDS) {
    const pick = chance(seed)
    for (let round = 0; round < 200; round++) {
      const answer = () => (pick(3) === 0 ? undefined : answers[pick(answers.length)])
      check(t, `seed ${seed} round ${round}`, () => {
        const questions = readGuestinfo()
        let step = questions.next()
        while (!step.done) step = questions.next(answer())
        checkFiles(t, `seed ${seed} round ${round}`, step.value.interfaces.flatMap(networkFiles))
        const { private_ipv4 } = step.value.substitutes
        if (private_ipv4 !== undefined && addressFamily(private_ipv4) !== 4) t.fail(private_ipv4)
      })
      check(t, `seed ${seed} round ${round}`, () => {
        const questions = askEc2()
        let asked = 0
        for (let step = questions.next(); !step.done; step = questions.next(answer())) asked += 1
        if (asked > 100) t.fail(`${asked} questions`)
      })
    }
  }
  t.pass()
  t.end()
})
