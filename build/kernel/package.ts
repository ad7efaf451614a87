import { UserError } from '#lib/errors.ts'
import type { FileEntry, TreeEntry } from '../rootfs/entry.ts'

/** The kernel package as unpacked: what of `PackageContents` is needed here. */
export interface KernelPackage {
  package: { name: string; version: string; sha256: string }
  entries: TreeEntry[]
}

/** The parts of a kernel package by their use. */
export interface KernelParts {
  /** As `uname -r` will say, such as `6.12.48+deb13-amd64`. */
  version: string
  vmlinuz: FileEntry
  config: FileEntry
  /** `modules.builtin`, `modules.builtin.modinfo`, `modules.order`. */
  lists: FileEntry[]
  /** `*.ko.xz`. */
  modules: FileEntry[]
}

const MODULE_FOLDER = 'usr/lib/modules/'

/** Sorts out a kernel package. */
export function kernelParts(kernel: KernelPackage): KernelParts {
  const files = kernel.entries.filter(entry => entry.type === 'file')
  const find = (test: (path: string) => boolean, what: string): FileEntry => {
    const found = files.filter(file => test(file.path))
    if (found.length === 1) return found[0]!
    const name = `${kernel.package.name} ${kernel.package.version}`
    throw new UserError(
      `package ${name} has ${found.length === 0 ? 'no' : 'several'} ${what}`,
      'group kernel must name one linux-image package',
    )
  }
  const vmlinuz = find(path => /^boot\/vmlinuz-/.test(path), 'kernel image boot/vmlinuz-*')
  const version = vmlinuz.path.slice('boot/vmlinuz-'.length)
  const folder = `${MODULE_FOLDER}${version}/`
  const inside = files
    .map(file => ({ ...file, path: file.path.replace(/^lib\//, 'usr/lib/') }))
    .filter(file => file.path.startsWith(folder))
  return {
    version,
    vmlinuz,
    config: find(path => path === `boot/config-${version}`, `kernel configuration boot/config-${version}`),
    lists: inside.filter(file => /^modules\.[a-z.]+$/.test(file.path.slice(folder.length))),
    modules: inside.filter(file => /\.ko(\.xz)?$/.test(file.path)),
  }
}
