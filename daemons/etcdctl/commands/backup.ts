import { boolFlag, type Command, textFlag } from '../command.ts'
import { ExitCode, plainFailure } from '../exit.ts'

/** `etcdctl backup`: reads a data directory of our server, running or not, and asks no server for anything. */
export const BACKUP_COMMAND: Command = {
  name: 'backup',
  usage: 'copy the data directory of a member, for a new cluster to begin from',
  description: [
    'The member may run meanwhile. The copy has new ids and no members: start an etcd with --force-new-cluster on it,',
    'then add members.',
  ],
  flags: [
    textFlag('data-dir', 'the data directory'),
    textFlag('wal-dir', 'the directory of the log, when it is apart'),
    textFlag('backup-dir', 'where the copy goes'),
    textFlag('backup-wal-dir', 'where the copy of the log goes, when it is to be apart'),
    boolFlag('with-v3', 'has no effect'),
  ],
  run: async ({ flags, io }) => {
    const plan = {
      dataDir: flags.text('data-dir'),
      walDir: flags.text('wal-dir'),
      backupDir: flags.text('backup-dir'),
      backupWalDir: flags.text('backup-wal-dir'),
    }
    if (plan.dataDir === '' || plan.backupDir === '')
      throw plainFailure('etcdctl backup needs --data-dir and --backup-dir')
    try {
      const { index, member, cluster } = await io.backUp(plan, line => io.err(`${line}\n`))
      io.err(
        `saved all up to index ${index} as member ${member} of cluster ${cluster} in ${plan.backupDir}\n`,
      )
      return ExitCode.success
    } catch (error) {
      throw plainFailure(error)
    }
  },
}
