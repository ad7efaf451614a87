import { posix } from 'node:path'
import type { FileStep } from '../plan/plan.ts'
import { shown } from '../source/shown.ts'
import { decodeContent } from './decode.ts'
import type { Findings } from './findings.ts'
import type { View } from './view.ts'

/** Of all files together, unpacked: gzip could stand for more than there is memory. */
const FILES_BYTES_MAX = 128 * 1024 * 1024
const FILE_MODE = 0o644
const PERMISSIONS = /^0?[0-7]{3,4}$/
/** Where nothing can be written: the image, and links into it. */
const READ_ONLY = /^\/(usr|bin|sbin|lib|lib64)(\/|$)/

/** The steps of `write_files`, in its order. A path twice is an error: the original wrote the last one, at each boot. */
export function compileFiles(files: readonly View[], findings: Findings): FileStep[] {
  const steps = new Map<string, FileStep>()
  let bytesLeft = FILES_BYTES_MAX
  for (const file of files) {
    const step = compileFile(file, bytesLeft, findings)
    if (step === undefined) continue
    if (step.content?.kind === 'inline') bytesLeft -= step.content.bytes.length
    const before = steps.get(step.path)
    if (before === undefined) steps.set(step.path, step)
    else
      findings.error(file.at('path'), `${shown(step.path)} is written already in line ${before.origin.line}`)
  }
  return [...steps.values()]
}

function compileFile(file: View, bytesMax: number, findings: Findings): FileStep | undefined {
  const path = pathOf(file, findings)
  const encoding = file.line('encoding') ?? ''
  const bytes = decodeContent(file.text('content') ?? '', encoding, bytesMax)
  if (bytes === undefined)
    findings.error(file.at('content'), `content cannot be decoded as "${shown(encoding)}"`)
  if (path === undefined || bytes === undefined) return undefined
  const [user = '', group = ''] = (file.line('owner') ?? '').split(':')
  return {
    kind: 'file',
    path,
    content: { kind: 'inline', bytes },
    append: [],
    mode: modeOf(file.line('permissions')),
    ...(user === '' ? {} : { user }),
    ...(group === '' ? {} : { group }),
    overwrite: true,
    origin: file.at('path'),
  }
}

/** Its path without detours; undefined when it has none. */
function pathOf(file: View, findings: Findings): string | undefined {
  const path = file.line('path')
  const at = file.at('path')
  if (path === undefined || !path.startsWith('/')) {
    findings.error(
      at,
      `a file needs a path that begins with /${path === undefined ? '' : `, not ${shown(path)}`}`,
    )
    return undefined
  }
  const clean = posix.normalize(path)
  if (clean.endsWith('/')) findings.error(at, `${shown(path)} is a directory: a file needs a name`)
  if (READ_ONLY.test(clean))
    findings.error(at, `${shown(path)} cannot be written: it is on the read-only file system of the image`)
  return clean
}

/** One that is none was told, and the plan is not applied. */
function modeOf(permissions: string | undefined): number {
  return permissions !== undefined && PERMISSIONS.test(permissions)
    ? Number.parseInt(permissions, 8)
    : FILE_MODE
}
