/** What this member did since it started; in the order of /v2/stats/store (specification §4). */
export class Stats {
  getsSuccess = 0
  getsFail = 0
  setsSuccess = 0
  setsFail = 0
  deleteSuccess = 0
  deleteFail = 0
  updateSuccess = 0
  updateFail = 0
  createSuccess = 0
  createFail = 0
  compareAndSwapSuccess = 0
  compareAndSwapFail = 0
  compareAndDeleteSuccess = 0
  compareAndDeleteFail = 0
  expireCount = 0
  /** Kept by the hub of the watchers, filled in when somebody asks. */
  watchers = 0
}

/** The body of /v2/stats/store, without a line end. */
export function renderStats(stats: Stats, watchers: number): string {
  return JSON.stringify({ ...stats, watchers })
}
