import type { BackupPlan, BackupReport } from '../etcd/client.ts'

/** What the commands touch of the world, so that they run in a process of their own or in a test alike. */
export interface Io {
  env: Readonly<Record<string, string | undefined>>
  /** Writes to standard output. */
  out(text: string): void
  /** Writes to standard error. */
  err(text: string): void
  /** All of standard input. */
  readInput(): Promise<string>
  /** Asks for a line that is not shown while it is typed. */
  askPassword(prompt: string): Promise<string>
  /** From the first call on, an interrupt (Ctrl-C) aborts this instead of ending the program. */
  interrupt(): AbortSignal
  /** Starts a program that shares the terminal; resolves once it runs, rejects when it does not. */
  start(file: string, words: readonly string[], env: Readonly<Record<string, string>>): Promise<void>
  /** A file as text. */
  readFile(path: string): Promise<string>
  /** Endpoints that the DNS of a domain names for clients. */
  discover(domain: string): Promise<{ secure: string[]; insecure: string[] }>
  /** Copies a data directory; `note` gets lines about what is damaged. */
  backUp(plan: BackupPlan, note: (line: string) => void): Promise<BackupReport>
}
