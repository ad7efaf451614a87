import { boolFlag, type Command, textFlag } from '../command.ts'
import { plainFailure } from '../exit.ts'

/** Takes the original's flags and says what to do instead: a data directory of ours is copied as it is. */
export const BACKUP_COMMAND: Command = {
  name: 'backup',
  usage: 'say how to back up a data directory',
  flags: [
    textFlag('data-dir', 'the data directory'),
    textFlag('wal-dir', 'the directory of the log, when it is apart'),
    textFlag('backup-dir', 'where the copy goes'),
    textFlag('backup-wal-dir', 'where the copy of the log goes'),
    boolFlag('with-v3', 'has no effect'),
  ],
  run: async () => {
    const how =
      'stop the member, copy its data directory, and start an etcd with --force-new-cluster on the copy'
    throw plainFailure(`etcdctl makes no copies yet: ${how}`)
  },
}
