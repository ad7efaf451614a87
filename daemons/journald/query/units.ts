import { and, type Match, or, term } from './match.ts'

/** ID of the message by which a crash is reported. */
const COREDUMP = 'fc2e22bc6ee647b6b90729ab34a250b1'

/**
 * What `journalctl --unit NAME` shows: what the unit's processes say, and what the service manager and other
 * daemons of root say of it.
 *
 * @param coredumpUids users who are believed when they report a crash; everybody without it, which is for journals
 *   of other machines, where users have other numbers
 */
export function matchUnit(name: string, coredumpUids?: readonly number[]): Match {
  const crash = [term('MESSAGE_ID', COREDUMP), term('COREDUMP_UNIT', name)]
  if (coredumpUids !== undefined) crash.push(or(...coredumpUids.map(uid => term('_UID', String(uid)))))
  const parts = [
    term('_SYSTEMD_UNIT', name),
    // The service manager, and helpers that it starts.
    and(term('_SYSTEMD_CGROUP', '/init.scope'), term('UNIT', name)),
    and(term('_UID', '0'), term('OBJECT_SYSTEMD_UNIT', name)),
    and(...crash),
  ]
  if (name.endsWith('.slice')) parts.push(term('_SYSTEMD_SLICE', name))
  return or(...parts)
}

/** What `journalctl --user-unit NAME` shows: the same for a unit of a user's own service manager. */
export function matchUserUnit(name: string, uid: number): Match {
  const user = term('_UID', String(uid))
  const either = or(user, term('_UID', '0'))
  const parts = [
    and(term('_SYSTEMD_USER_UNIT', name), user),
    and(term('USER_UNIT', name), user),
    and(term('COREDUMP_USER_UNIT', name), either),
    and(term('OBJECT_SYSTEMD_USER_UNIT', name), either),
  ]
  if (name.endsWith('.slice')) parts.push(and(term('_SYSTEMD_USER_SLICE', name), user))
  return or(...parts)
}
