import { closeSync, openSync, readSync } from 'node:fs'
import t from 'tap'
import { loaderArguments, PROGRAM_HEAD_BYTES, programKind, wrapperScript } from './loader.ts'

function headOf(path: string): Buffer {
  const head = Buffer.alloc(PROGRAM_HEAD_BYTES)
  const file = openSync(path, 'r')
  const length = readSync(file, head)
  closeSync(file)
  return head.subarray(0, length)
}

t.test('kinds of programs', async t => {
  const node = headOf(process.execPath)
  t.equal(programKind(node), 'dynamic')
  const isStatic = Buffer.from(node)
  const offset = Number(isStatic.readBigUInt64LE(0x20))
  for (let index = 0; index < isStatic.readUInt16LE(0x38); index += 1) {
    const at = offset + index * isStatic.readUInt16LE(0x36)
    if (isStatic.readUInt32LE(at) === 3) isStatic.writeUInt32LE(1, at) // no interpreter any more
  }
  t.equal(programKind(isStatic), 'direct')
  t.equal(programKind(Buffer.from('#!/bin/sh\necho\n')), 'direct')
  t.equal(programKind(Buffer.alloc(0)), 'direct')
  t.equal(programKind(node.subarray(0, 20)), 'direct')
  t.equal(programKind(node.subarray(0, 70)), 'direct', 'headers beyond what was read')
})

t.test('a program is told the name it was called by', async t => {
  const args = loaderArguments('/t', 'usr/bin/mcopy', ['-i', 'x'])
  t.equal(args[args.indexOf('--argv0') + 1], 'mcopy')
  t.same(args.slice(-3), ['/t/usr/bin/mcopy', '-i', 'x'])
  t.match(wrapperScript('usr/bin/mcopy', 'dynamic'), /--argv0 "mcopy" "\$tree\/usr\/bin\/mcopy" "\$@"/)
})
