import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import type { Tools } from '../tools/tools.ts'

/** A program ready for `spawn`. */
export interface ProgramCommand {
  file: string
  args: string[]
  env: Record<string, string>
}

/** Where virtual machines get their programs from: the tools tree, or the host. */
export interface Programs {
  /** @throws UserError when there is no such program */
  command(program: string, args: readonly string[]): ProgramCommand
  /** Folders with QEMU's BIOS and option ROMs, for its `-L`; empty when QEMU knows them itself. */
  dataFolders: readonly string[]
  /** UEFI firmware: the code, and the template of its variables. */
  ovmf: { code: string; variables: string }
}

const OVMF = { code: 'OVMF/OVMF_CODE_4M.fd', variables: 'OVMF/OVMF_VARS_4M.fd' }

/** The programs of the locked tools tree: the same everywhere. */
export function toolPrograms(tools: Tools): Programs {
  return {
    command: (program, args) => tools.command(program, args),
    dataFolders: ['usr/share/qemu', 'usr/share/seabios'].map(folder => tools.path(folder)),
    ovmf: {
      code: tools.path(`usr/share/${OVMF.code}`),
      variables: tools.path(`usr/share/${OVMF.variables}`),
    },
  }
}

/**
 * The programs of the host, for hosts whose QEMU is wanted. `ORLOP_QEMU` names the emulator, else PATH is searched;
 * `ORLOP_OVMF` names a folder with OVMF_CODE_4M.fd and OVMF_VARS_4M.fd.
 */
export function hostPrograms(environment: Record<string, string | undefined>): Programs {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter(folder => folder !== '')
  const env = Object.fromEntries(
    Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
  const ovmfFolder = environment['ORLOP_OVMF'] ?? '/usr/share/OVMF'
  return {
    command: (program, args) => {
      const chosen = program === 'qemu-system-x86_64' ? environment['ORLOP_QEMU'] : undefined
      const file = chosen ?? folders.map(folder => join(folder, program)).find(path => existsSync(path))
      if (file !== undefined && existsSync(file)) return { file, args: [...args], env }
      throw new UserError(
        `this host has no ${chosen ?? program}`,
        'unset ORLOP_QEMU to use the one that Orlop fetches',
      )
    },
    dataFolders: [],
    ovmf: {
      code: join(ovmfFolder, 'OVMF_CODE_4M.fd'),
      variables: join(ovmfFolder, 'OVMF_VARS_4M.fd'),
    },
  }
}

/** The host's QEMU where `ORLOP_QEMU` asks for it, else the tools'. Everything else comes from the tools. */
export function choosePrograms(tools: Tools, environment: Record<string, string | undefined>): Programs {
  const locked = toolPrograms(tools)
  if (!environment['ORLOP_QEMU']) return locked
  const host = hostPrograms(environment)
  return {
    ...locked,
    dataFolders: [],
    command: (program, args) =>
      program === 'qemu-system-x86_64' ? host.command(program, args) : locked.command(program, args),
  }
}
