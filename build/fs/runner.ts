import type { Readable } from 'node:stream'

/**
 * How programs of the tools tree are run: the part of `Tools` (build/tools) that the makers of file systems and
 * disks need, so that a test can stand in for it.
 */
export interface ToolRunner {
  /** The unpacked tree. Its last part names its content: other tools, other name. */
  readonly folder: string
  /** Path of a file in the tools tree, such as `usr/lib/grub/i386-pc/boot.img`. */
  path(relative: string): string
  /** Runs a program to its end; throws with the command and its stderr when it does not exit with 0. */
  run(program: string, args: string[], options?: ToolOptions): Promise<{ stdout: string; stderr: string }>
}

/** How a tool is run. */
export interface ToolOptions {
  cwd?: string
  env?: Record<string, string>
  input?: Uint8Array | Readable
  signal?: AbortSignal | undefined
}
