import type { Case } from './case.ts'

/** Text stays as it stands in the source, whatever YAML would make of it. */
export const SCALARS: Case[] = [
  { name: 'nothing', config: '' },
  { name: 'a comment', config: '# hello\n' },
  { name: 'a document marker', config: '---\nhostname: a\n', plan: ['hostname a'] },
  { name: 'a name', config: 'hostname: core-01\n', plan: ['hostname core-01'] },
  { name: 'a number is a text', config: 'hostname: 4\n', plan: ['hostname 4'] },
  { name: 'zeros in front stay', config: 'hostname: 007\n', plan: ['hostname 007'] },
  { name: 'a float stays', config: 'hostname: 1.10\n', plan: ['hostname 1.10'] },
  { name: 'hexadecimal stays', config: 'hostname: 0x10\n', plan: ['hostname 0x10'] },
  { name: 'off is a text', config: 'hostname: off\n', plan: ['hostname off'] },
  { name: 'yes is a text', config: 'hostname: yes\n', plan: ['hostname yes'] },
  { name: 'null is nothing', config: 'hostname: null\n' },
  {
    name: 'a tilde in quotes is a text',
    config: 'hostname: "~"\n',
    plan: ['hostname ~'],
    findings: ["line 2:1: error: '~' is no name of a host: at most 64 of a-z, 0-9, - and ."],
  },
  { name: 'double quotes', config: 'hostname: "a\\x2db"\n', plan: ['hostname a-b'] },
  {
    name: 'single quotes',
    config: "hostname: 'it''s'\n",
    plan: ["hostname it's"],
    findings: ["line 2:1: error: 'it's' is no name of a host: at most 64 of a-z, 0-9, - and ."],
  },
  { name: 'an empty name counts as none', config: 'hostname: ""\n' },
  { name: 'a key without a value', config: 'hostname:\n' },
  {
    name: 'a hyphen is an underscore',
    config: 'write-files:\n  - path: /a\n',
    plan: ['file /a 0644, 0 bytes'],
  },
  {
    name: 'in the deep too',
    config: 'coreos:\n  update:\n    reboot_strategy: reboot\n',
    plan: [
      'in /etc/coreos/update.conf: REBOOT_STRATEGY=reboot',
      'unit locksmithd.service: unmasked, until the next start',
    ],
  },
  { name: 'an anchor', config: 'hostname: &h a\nusers:\n  - name: *h\n', plan: ['hostname a', 'user a'] },
  { name: 'folded text', config: 'hostname: >-\n  a\n', plan: ['hostname a'] },
  {
    name: 'flow style',
    config: '{hostname: a, write_files: [{path: /x, content: y}]}\n',
    plan: ['hostname a', 'file /x 0644, 1 byte'],
  },
  { name: 'carriage returns', config: 'hostname: a\r\n', plan: ['hostname a'] },
  {
    name: 'the same key twice',
    config: 'hostname: a\nhostname: b\n',
    plan: ['hostname a'],
    findings: ['line 3:1: error: "hostname" is there already, in line 2'],
  },
  {
    name: 'with a hyphen once and an underscore once',
    config: 'write_files: []\nwrite-files: []\n',
    findings: ['line 3:1: error: "write-files" is there already, in line 2'],
  },
  {
    name: 'a list where a name should be',
    config: 'hostname: [a]\n',
    findings: ['line 2:11: warning: incorrect type for "hostname" (want string)'],
  },
  {
    name: 'a map where a name should be',
    config: 'hostname: {a: b}\n',
    findings: ['line 2:11: warning: incorrect type for "hostname" (want string)'],
  },
  {
    name: 'a text where a list should be',
    config: 'users: me\n',
    findings: ['line 2:8: warning: incorrect type for "users" (want []struct)'],
  },
  {
    name: 'a map where a list should be',
    config: 'ssh_authorized_keys: {a: b}\n',
    findings: ['line 2:22: warning: incorrect type for "ssh_authorized_keys" (want []string)'],
  },
  {
    name: 'a list where a map should be',
    config: 'coreos: []\n',
    findings: ['line 2:9: warning: incorrect type for "coreos" (want struct)'],
  },
  {
    name: 'a text where a map should be',
    config: 'coreos:\n  etcd2: yes\n',
    findings: ['line 3:10: warning: incorrect type for "etcd2" (want struct)'],
  },
  {
    name: 'a list at the top',
    config: '- hostname: a\n',
    findings: ['line 2:1: warning: incorrect type for "" (want struct)'],
  },
  {
    name: 'a word at the top',
    config: 'hello\n',
    findings: ['line 2:1: warning: incorrect type for "" (want struct)'],
  },
  {
    name: 'no truth',
    config: 'users:\n  - name: a\n    system: maybe\n',
    plan: ['user a'],
    findings: ['line 4:13: warning: incorrect type for "system" (want bool)'],
  },
  {
    name: 'no number',
    config: 'coreos:\n  etcd2:\n    snapshot-count: many\n',
    findings: ['line 4:21: warning: incorrect type for "snapshot-count" (want int)'],
  },
  {
    name: 'a tab',
    config: 'coreos:\n\tupdate: {}\n',
    findings: ['line 3:1: error: a tab can not indent: use spaces'],
  },
  {
    name: 'a bracket that is open',
    config: 'users: [a\n',
    findings: [
      'line 3:1: error: flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  },
  {
    name: 'a quote that is open',
    config: 'hostname: "a\n',
    findings: ['line 3:1: error: the quote " is not closed'],
  },
  {
    name: 'an alias of nothing',
    config: 'hostname: *a\n',
    findings: ['line 2:11: error: *a stands for nothing: there is no &a before it'],
  },
  { name: 'once', config: 'once: true\nhostname: a\n', plan: ['hostname a'] },
]
