/** The directory in which systemd finds the units, and what the agent remembers beside it. */
export interface UnitFiles {
  /** Texts of the units in the directory, by name. */
  list(): Promise<Map<string, string>>
  write(name: string, text: string): Promise<void>
  /** A file that is not there is done. */
  remove(name: string): Promise<void>
  /** Where systemd is told that it is. */
  path(name: string): string
  /** What `remember` was given last; undefined after a boot. */
  recall(): Promise<string | undefined>
  remember(text: string): Promise<void>
}
