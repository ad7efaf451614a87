/**
 * All that a member of a cluster may touch of the outside world. The server gives it the real clock, disk and network;
 * the simulator gives it its own, so that a whole cluster runs in one process on one seed. Everything answers by
 * callback and never before the call has returned: promises would hide the order in which things happen.
 *
 * Source: design.md §5 and the simulators of FoundationDB and TigerBeetle.
 */
export interface Env {
  /** Milliseconds of a clock that never goes back; its zero means nothing. */
  now(): number
  /** Milliseconds since 1970 by the wall clock, which may jump. */
  wallClock(): number
  /** Calls back once after so many milliseconds. The result calls it off. */
  setTimer(delayMs: number, callback: () => void): () => void
  /** Evenly from 0 up to but not including 1. */
  random(): number
  readonly disk: Disk
}

/** Called once, with an error or with what was asked for. */
export type Answer<T = void> = (error: DiskError | undefined, value: T) => void

/** What went wrong on a disk; `code` as the system names it: `ENOSPC`, `EIO`, `ENOENT`, `EEXIST`. */
export interface DiskError {
  code: string
  message: string
}

/**
 * A file system as far as log and snapshots need one. Nothing is durable before the matching sync has answered:
 * `File.sync` for what is in a file, `syncFolder` for which names exist.
 */
export interface Disk {
  /** Makes a folder and those above it; not an error when it exists. */
  makeFolder(path: string, done: Answer): void
  /** Names in a folder, in no order. */
  list(path: string, done: Answer<string[]>): void
  /** Opens a file for reading and writing; `create` demands that it did not exist. */
  open(path: string, options: { create: boolean }, done: Answer<File>): void
  rename(from: string, to: string, done: Answer): void
  remove(path: string, done: Answer): void
  syncFolder(path: string, done: Answer): void
}

/** An open file. */
export interface File {
  size(done: Answer<number>): void
  /** Up to `length` bytes; fewer only at the end of the file. */
  read(offset: number, length: number, done: Answer<Uint8Array>): void
  /** All pieces, one after the other, from `offset` on. They must not change until it answers. */
  write(offset: number, pieces: readonly Uint8Array[], done: Answer): void
  /** Sets the length: cuts off, or makes room that reads as zeros. */
  truncate(length: number, done: Answer): void
  /** Answers when all that was written before is durable. After an error nothing may be assumed: the process ends. */
  sync(done: Answer): void
  close(done: Answer): void
}
