import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A folder that is removed after the test. */
export async function temporaryFolder(t: Test, parent: string, prefix: string): Promise<string> {
  const folder = await mkdtemp(join(parent, prefix))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}
