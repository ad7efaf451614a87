import { UserError } from '#lib/errors.ts'
import type { Accounts } from './accounts.ts'
import type { Maker } from './put.ts'

const FACTORY = 'usr/share/factory/var'
const TMPFILES = 'usr/lib/tmpfiles.d/orlop-var.conf'

/**
 * Moves what is in /var to the factory copy, from which the first boot fills STATE, and leaves /var as an empty mount
 * point. Later images cannot bring anything into a machine's /var this way, so the folders and links are written
 * down for systemd-tmpfiles too, which makes the missing ones at every boot.
 *
 * @throws UserError when a package has a file in /var: an update would never reach it
 */
export function moveVar(maker: Maker, accounts: Accounts): void {
  const { tree } = maker
  const entries = tree.list().filter(entry => entry.path.startsWith('var/'))
  const users = new Map([...accounts.users.values()].map(user => [user.uid, user.name]))
  const groups = new Map([...accounts.groups.values()].map(group => [group.gid, group.name]))
  const lines = ['# Made by the image builder: the folders of packages in /var.']
  for (const entry of entries) {
    if (entry.type === 'symlink') lines.push(`L /${entry.path} - - - - ${entry.target}`)
    else if (entry.type === 'directory') {
      const owner = `${users.get(entry.uid) ?? entry.uid} ${groups.get(entry.gid) ?? entry.gid}`
      lines.push(`d /${entry.path} ${entry.mode.toString(8).padStart(4, '0')} ${owner} -`)
    } else
      throw new UserError(
        `${entry.path} (from ${entry.origin}) is a file in /var, which updates cannot reach`,
        'remove it in image/prune.json, or make it at boot with tmpfiles.d',
      )
  }
  maker.directory(FACTORY)
  for (const entry of entries) tree.put({ ...entry, path: FACTORY + entry.path.slice('var'.length) })
  for (const child of tree.children('var')) tree.remove(child.path)
  maker.file(TMPFILES, `${lines.join('\n')}\n`)
}
