/**
 * Where long work tells how far it is. The core of a program only calls these; the command line decides whether
 * they become a bar on a terminal, lines in a log, JSON, or nothing.
 */
export interface Progress {
  /** Starts a named piece of work, such as `Downloading packages`. */
  begin(title: string, options?: { total?: number; unit?: 'bytes' | 'items' }): Task
  /** One line worth keeping, such as a decision taken on the user's behalf. */
  note(line: string): void
}

/** A piece of work under way. */
export interface Task {
  /** Adds to what is done, in the task's unit. */
  advance(amount: number): void
  /** Ends the task; `summary` is shown beside the title, such as `152 packages, 89 MB`. */
  end(summary?: string): void
}

/** Tells nobody; for tests and for callers that do not care. */
export const silent: Progress = {
  begin: () => ({ advance: () => undefined, end: () => undefined }),
  note: () => undefined,
}
