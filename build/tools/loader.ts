/** The dynamic loader within a tree of Debian's amd64 packages. */
export const LOADER = 'usr/lib64/ld-linux-x86-64.so.2'

/** Folders of shared libraries within the tree. */
export const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'usr/lib'] as const

/** Folders that programs name themselves by a path of a whole system, where the tree is not. */
const OWN_LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu/systemd'] as const

/** Folders in which a program is looked for when it is named without one. */
export const PROGRAM_FOLDERS = ['usr/bin', 'usr/sbin'] as const

/** How a program file has to be started. */
export type ProgramKind =
  /** Needs the tree's own loader: the host's may be older or absent. */
  | 'dynamic'
  /** Needs nothing: static program or script. */
  | 'direct'

const ELF_MAGIC = 0x7f454c46
const PROGRAM_HEADERS_OFFSET = 0x20
const PROGRAM_HEADER_SIZE_OFFSET = 0x36
const PROGRAM_HEADER_COUNT_OFFSET = 0x38
const PT_INTERP = 3
/** Enough of a file for its ELF header and program headers. */
export const PROGRAM_HEAD_BYTES = 4096

/**
 * Tells from the first bytes of a program how it has to be started: an ELF file that names an interpreter is
 * dynamic (elf(5), PT_INTERP).
 */
export function programKind(head: Uint8Array): ProgramKind {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  if (head.length < 64 || view.getUint32(0) !== ELF_MAGIC) return 'direct'
  const offset = Number(view.getBigUint64(PROGRAM_HEADERS_OFFSET, true))
  const size = view.getUint16(PROGRAM_HEADER_SIZE_OFFSET, true)
  const count = view.getUint16(PROGRAM_HEADER_COUNT_OFFSET, true)
  for (let index = 0; index < count; index += 1) {
    const at = offset + index * size
    if (at + 4 > head.length) return 'direct'
    if (view.getUint32(at, true) === PT_INTERP) return 'dynamic'
  }
  return 'direct'
}

/** A shell script that starts a program of the tree from wherever the tree is, for programs that start others by name. */
export function wrapperScript(program: string, kind: ProgramKind): string {
  const name = program.slice(program.lastIndexOf('/') + 1)
  // The script is in TREE/bin; it may be called through a relative path or found by PATH, never through a link.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it
  const tree = 'tree="${0%/*}/.."'
  if (kind === 'direct') return `#!/bin/sh\n${tree}\nexec "$tree/${program}" "$@"\n`
  const libraries = LIBRARY_FOLDERS.map(folder => `$tree/${folder}`).join(':')
  return `#!/bin/sh\n${tree}\nexec "$tree/${LOADER}" --inhibit-cache --library-path "${libraries}" --argv0 "${name}" "$tree/${program}" "$@"\n`
}

/** The arguments that make the loader start a program of the tree. */
export function loaderArguments(tree: string, program: string, args: readonly string[]): string[] {
  const libraries = [...LIBRARY_FOLDERS, ...OWN_LIBRARY_FOLDERS].map(folder => `${tree}/${folder}`).join(':')
  const name = program.slice(program.lastIndexOf('/') + 1)
  // The host's cache of libraries would let those of the host in.
  return ['--inhibit-cache', '--library-path', libraries, '--argv0', name, `${tree}/${program}`, ...args]
}
