/** Time as the daemon sees it: the system's, or one that a simulation moves. */
export interface Clock {
  /** Milliseconds since 1970 when the program began, and going on evenly from there: a clock that is set moves it not. */
  now(): number
  /** Resolves after the time, or at once when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
