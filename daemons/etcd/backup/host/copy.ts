import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { syncDirectory } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import { nodeDisk } from '../../host/disk.ts'
import type { DiskError } from '../../member/env.ts'
import { type DataFolders, type MemberState, readState, writeState } from '../state.ts'
import { liveDisk } from './live-disk.ts'

/** A running member removes snapshots and segments that are being read: so often they are read anew. */
const TRIES_MAX = 5
const FOLDER_MODE = 0o700
const ID_BYTES = 8

/** What a backup is made of, as the flags of `etcdctl backup` name it; '' for what is not given. */
export interface BackupPlan {
  dataDir: string
  walDir: string
  backupDir: string
  backupWalDir: string
}

/** What was written. */
export interface BackupReport {
  /** The last entry of the log that it holds. */
  index: number
  member: string
  cluster: string
}

/**
 * Copies what a member has into a data directory from which a new cluster of one begins (`--force-new-cluster`), under
 * new ids. The member may run meanwhile: the copy has all that was acknowledged before it began.
 *
 * @param note a line for the operator about what is damaged
 * @throws UserError that names the folder; then nothing is at the place of the copy that an etcd would start from
 */
export async function backUpData(plan: BackupPlan, note: (line: string) => void): Promise<BackupReport> {
  const source = join(plan.dataDir, 'member')
  const state = await readAll({ wal: plan.walDir || join(source, 'wal'), snap: join(source, 'snap') }, note)
  const target = resolve(plan.backupDir, 'member')
  const partial = `${target}.partial`
  const walApart = plan.backupWalDir === '' ? undefined : resolve(plan.backupWalDir)
  await refuseExisting(target)
  if (walApart !== undefined) await refuseExisting(walApart)
  const wal = walApart === undefined ? join(partial, 'wal') : `${walApart}.partial`
  const identity = { member: randomId(), cluster: randomId() }
  try {
    await mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE })
    for (const left of [partial, wal]) await rm(left, { recursive: true, force: true })
    await new Promise<void>((done, fail) => {
      const folders = { wal, snap: join(partial, 'snap') }
      writeState(nodeDisk(), folders, identity, state, error => (error === undefined ? done() : fail(error)))
    })
    // The names last: what has them is whole.
    if (walApart !== undefined) await moveTo(wal, walApart)
    await moveTo(partial, target)
  } catch (error) {
    for (const left of [partial, wal]) await rm(left, { recursive: true, force: true }).catch(() => undefined)
    throw new UserError(`cannot write the backup to ${plan.backupDir}: ${(error as DiskError).message}`)
  }
  return { index: state.last.index, member: identity.member, cluster: identity.cluster }
}

async function readAll(folders: DataFolders, note: (line: string) => void): Promise<MemberState> {
  for (let tries = 1; ; tries++) {
    try {
      return await new Promise<MemberState>((done, fail) => {
        readState(liveDisk(), folders, note, (error, state) =>
          error === undefined ? done(state) : fail(error),
        )
      })
    } catch (error) {
      const { code, message } = error as DiskError
      if (!(await isThere(folders.wal))) throw new UserError(`there is no log of a member in ${folders.wal}`)
      const isMoving = code === 'ENOENT' || code === 'EMARK'
      if (!isMoving || tries >= TRIES_MAX) throw new UserError(`cannot read ${folders.wal}: ${message}`)
    }
  }
}

async function isThere(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [])).some(file => file.endsWith('.wal'))
}

async function refuseExisting(folder: string): Promise<void> {
  try {
    if ((await readdir(folder)).length === 0) await rm(folder, { recursive: true })
    else throw new UserError(`${folder} is there already: give another --backup-dir`)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    if (error instanceof UserError) throw error
    throw new UserError(`cannot write the backup to ${folder}: ${(error as Error).message}`)
  }
}

async function moveTo(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: FOLDER_MODE })
  await rename(from, to)
  await syncDirectory(dirname(to))
}

/** Never 0, which stands for nobody. */
function randomId(): string {
  return (randomBytes(ID_BYTES).readBigUInt64BE() || 1n).toString(16)
}
