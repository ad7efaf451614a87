/**
 * How programs of the tools tree are run: the part of `Tools` (build/tools) that the makers of file systems and
 * disks need, so that a test can stand in for it.
 */
export interface ToolRunner {
  /** Path of a file in the tools tree, such as `usr/lib/grub/i386-pc/boot.img`. */
  path(relative: string): string
  /** Runs a program to its end; throws with the command and its stderr when it does not exit with 0. */
  run(
    program: string,
    args: string[],
    options?: {
      cwd?: string
      env?: Record<string, string>
      input?: Uint8Array | import('node:stream').Readable
      signal?: AbortSignal
    },
  ): Promise<{ stdout: string; stderr: string }>
}
