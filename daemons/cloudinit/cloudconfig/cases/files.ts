import type { Case } from './case.ts'

const file = (more: string): string => `write_files:\n  - path: /a\n${more}`

/** write_files. */
export const FILES: Case[] = [
  {
    name: 'a file',
    config: file('    content: hello\n'),
    plan: ['file /a 0644, 5 bytes'],
    contents: { '/a': 'hello' },
  },
  {
    name: 'several lines',
    config: file('    content: |\n      a\n       b\n'),
    plan: ['file /a 0644, 5 bytes'],
    contents: { '/a': 'a\n b\n' },
  },
  {
    name: 'letters beyond ASCII',
    config: file('    content: é\n'),
    plan: ['file /a 0644, 2 bytes'],
    contents: { '/a': 'é' },
  },
  { name: 'without content', config: file(''), plan: ['file /a 0644, 0 bytes'], contents: { '/a': '' } },
  {
    name: 'a number as content',
    config: file('    content: 0644\n'),
    plan: ['file /a 0644, 4 bytes'],
    contents: { '/a': '0644' },
  },
  {
    name: 'permissions of four digits',
    config: file('    permissions: 0600\n'),
    plan: ['file /a 0600, 0 bytes'],
  },
  {
    name: 'permissions of three digits',
    config: file('    permissions: 755\n'),
    plan: ['file /a 0755, 0 bytes'],
  },
  {
    name: 'permissions in quotes',
    config: file('    permissions: "0400"\n'),
    plan: ['file /a 0400, 0 bytes'],
  },
  {
    name: 'permissions with a set-user bit',
    config: file('    permissions: 4755\n'),
    plan: ['file /a 4755, 0 bytes'],
  },
  {
    name: 'permissions with five digits',
    config: file('    permissions: 04755\n'),
    plan: ['file /a 4755, 0 bytes'],
  },
  {
    name: 'permissions that are not octal',
    config: file('    permissions: 0888\n'),
    plan: ['file /a 0644, 0 bytes'],
    findings: ['line 4:18: error: invalid value 0888'],
  },
  {
    name: 'permissions as letters',
    config: file('    permissions: rw\n'),
    plan: ['file /a 0644, 0 bytes'],
    findings: ['line 4:18: error: invalid value rw'],
  },
  { name: 'an owner', config: file('    owner: core\n'), plan: ['file /a 0644 core:root, 0 bytes'] },
  {
    name: 'an owner and a group',
    config: file('    owner: core:docker\n'),
    plan: ['file /a 0644 core:docker, 0 bytes'],
  },
  {
    name: 'numbers as owner',
    config: file('    owner: "500:500"\n'),
    plan: ['file /a 0644 500:500, 0 bytes'],
  },
  {
    name: 'a group only',
    config: file('    owner: ":docker"\n'),
    plan: ['file /a 0644 root:docker, 0 bytes'],
  },
  ...['b64', 'base64'].map(encoding => ({
    name: encoding,
    config: file(`    encoding: ${encoding}\n    content: aGVsbG8=\n`),
    plan: ['file /a 0644, 5 bytes'],
    contents: { '/a': 'hello' },
  })),
  {
    name: 'base64 over lines',
    config: file('    encoding: b64\n    content: |\n      aGVs\n      bG8=\n'),
    plan: ['file /a 0644, 5 bytes'],
    contents: { '/a': 'hello' },
  },
  ...['gz+b64', 'gzip+b64', 'gz+base64', 'gzip+base64'].map(encoding => ({
    name: encoding,
    config: file(`    encoding: ${encoding}\n    content: H4sIAAAAAAAAA8tIzcnJBwCGphA2BQAAAA==\n`),
    plan: ['file /a 0644, 5 bytes'],
    contents: { '/a': 'hello' },
  })),
  {
    name: 'no base64',
    config: file('    encoding: b64\n    content: "%%%"\n'),
    findings: ['line 5:5: error: content cannot be decoded as "b64"'],
  },
  {
    name: 'base64 cut off',
    config: file('    encoding: b64\n    content: aGVsbG8\n'),
    findings: ['line 5:5: error: content cannot be decoded as "b64"'],
  },
  {
    name: 'no gzip',
    config: file('    encoding: gz+b64\n    content: aGVsbG8=\n'),
    findings: ['line 5:5: error: content cannot be decoded as "gz+b64"'],
  },
  {
    name: 'gzip that is text',
    config: file('    encoding: gzip\n    content: hello\n'),
    findings: ['line 5:5: error: content cannot be decoded as "gzip"'],
  },
  {
    name: 'another encoding',
    config: file('    encoding: rot13\n    content: uryyb\n'),
    plan: ['file /a 0644, 5 bytes'],
    findings: ['line 4:15: error: invalid value rot13'],
  },
  {
    name: 'no path',
    config: 'write_files:\n  - content: a\n',
    findings: ['line 3:5: error: a file needs a path that begins with /'],
  },
  {
    name: 'a path from nowhere',
    config: 'write_files:\n  - path: etc/a\n',
    findings: ['line 3:5: error: a file needs a path that begins with /, not etc/a'],
  },
  {
    name: 'a path in /usr',
    config: 'write_files:\n  - path: /usr/bin/a\n',
    plan: ['file /usr/bin/a 0644, 0 bytes'],
    findings: [
      'line 3:5: error: /usr/bin/a cannot be written: it is on the read-only file system of the image',
    ],
  },
  {
    name: 'a path beside /usr',
    config: 'write_files:\n  - path: /usrlocal/a\n',
    plan: ['file /usrlocal/a 0644, 0 bytes'],
  },
  {
    name: 'a path with two slashes',
    config: 'write_files:\n  - path: //usr/a\n',
    plan: ['file /usr/a 0644, 0 bytes'],
    findings: ['line 3:5: error: //usr/a cannot be written: it is on the read-only file system of the image'],
  },
  {
    name: 'a path twice',
    config: 'write_files:\n  - path: /a\n  - path: /a\n',
    plan: ['file /a 0644, 0 bytes'],
    findings: ['line 4:5: error: /a is written already in line 3'],
  },
  {
    name: 'append, which there is not',
    config: file('    append: true\n'),
    plan: ['file /a 0644, 0 bytes'],
    findings: [
      'line 4:5: warning: unrecognized key "append": it is no key of this cloud-config; a file is written as a whole',
    ],
  },
  {
    name: 'in the wrong place',
    config: 'coreos:\n  write_files:\n    - path: /a\n',
    findings: [
      'line 3:3: warning: unrecognized key "write_files": it belongs to the left, not below coreos',
      'line 3:3: info: write_files is no part of coreos: move it to the left',
    ],
  },
]
