/**
 * What is to become of a machine, whatever language it was written in: cloud-config, Ignition and Butane are compiled
 * into this, and only this is applied. A plan is data: it can be printed, compared, and applied twice, which changes
 * nothing the second time.
 *
 * Steps are applied in the order of `PHASES`, and within a phase in the order of the plan. All of a plan is checked,
 * and all that it points to is fetched, before anything of it is applied.
 */
export interface Plan {
  steps: Step[]
}

/** Where in the configuration a step comes from, for messages. */
export interface Origin {
  /** Path in the document, such as `write_files[2].path` or `storage.files[0]`. */
  path: string
  /** From 1 on; 0 when unknown, as for what a program wrote. */
  line: number
  /** From 1 on; 0 when unknown. */
  column: number
}

/** Bytes that are at hand, or that are to be fetched. */
export type Content = Inline | Remote

/** Bytes that stood in the configuration, decoded. */
export interface Inline {
  kind: 'inline'
  bytes: Uint8Array
}

/** Bytes behind a URL. */
export interface Remote {
  kind: 'remote'
  /** http or https. */
  url: string
  headers: { name: string; value: string }[]
  compression: 'none' | 'gzip'
  /** Of the bytes after they are unpacked; lower-case hexadecimal. */
  hash?: { algorithm: 'sha256' | 'sha512'; digest: string }
}

/** Who owns a path: a name or a number as text; absent: root. */
export interface Ownership {
  user?: string
  group?: string
}

interface Common {
  origin: Origin
}

/** The name of the machine, static and now. */
export interface HostnameStep extends Common {
  kind: 'hostname'
  name: string
}

/** A group that exists, or does not. An existing one is left as it is but for what is named here. */
export interface GroupStep extends Common {
  kind: 'group'
  name: string
  gid?: number
  system: boolean
  /** As in /etc/gshadow. */
  passwordHash?: string
  /** False: it is removed. */
  present: boolean
}

/** An account that exists, or does not. */
export interface UserStep extends Common {
  kind: 'user'
  name: string
  /** crypt(3), as in /etc/shadow; absent: `*`, nobody logs in by password. */
  passwordHash?: string
  uid?: number
  gecos?: string
  home?: string
  createHome: boolean
  /** Absent: a group of the user's own name, unless `ownGroup` is false; then `users`. */
  primaryGroup?: string
  ownGroup: boolean
  groups: string[]
  shell?: string
  system: boolean
  /** False: it is removed. */
  present: boolean
  /**
   * What becomes of an account that is there already. `credentials`: its password only, as the original of cloud-config
   * did. `all`: everything that is named here (Ignition).
   */
  existing: 'credentials' | 'all'
}

/** A set of public keys of a user; keys in other sets are not touched. */
export interface KeysStep extends Common {
  kind: 'keys'
  user: string
  /** Name of the set: a file in `~/.ssh/authorized_keys.d`. */
  set: string
  /** Lines of authorized_keys. Empty: the set is removed. */
  keys: string[]
}

/** A directory. Parents that are missing are made with mode 0755. */
export interface DirectoryStep extends Common, Ownership {
  kind: 'directory'
  path: string
  /** Of permissions, 0 to 0o7777; absent: 0755 for a new one, an existing one keeps its own. */
  mode?: number
  /** Whether something else at this path is replaced, a directory with all that is in it. */
  overwrite: boolean
}

/** A file, written beside its place and renamed. Parents that are missing are made with mode 0755. */
export interface FileStep extends Common, Ownership {
  kind: 'file'
  path: string
  /** Absent: an empty file is made unless there is one. */
  content?: Content
  /** Added behind the content, in this order (Ignition). */
  append: Content[]
  /** Of permissions, 0 to 0o7777; absent: 0644 for a new one, an existing one keeps its own. */
  mode?: number
  /** Whether what is at this path is replaced; if not and its content is another, that is an error. */
  overwrite: boolean
}

/** A symbolic or hard link. */
export interface LinkStep extends Common, Ownership {
  kind: 'link'
  path: string
  target: string
  hard: boolean
  overwrite: boolean
}

/** A file system on an existing device, made unless it is there. */
export interface FilesystemStep extends Common {
  kind: 'filesystem'
  device: string
  format: 'ext4' | 'vfat' | 'swap'
  label?: string
  uuid?: string
  /** Whether it is made anew in any case; if not, another one on the device is an error. */
  wipe: boolean
  /** Further arguments of mkfs. */
  options: string[]
}

/** A unit of systemd, or a file of systemd-networkd. Its parts are written in this order: content, drop-ins, mask. */
export interface UnitStep extends Common {
  kind: 'unit'
  /** With its suffix. `.network`, `.netdev` and `.link` go to systemd-networkd. */
  name: string
  /** In /run: gone after the next start. */
  runtime: boolean
  content?: string
  dropIns: { name: string; content: string }[]
  /** Absent: left as it is. */
  mask?: boolean
  /** Absent: left as it is. */
  enable?: boolean
  origin: Origin
}

/** What a unit is told when all units are written. */
export type Verb =
  | 'start'
  | 'stop'
  | 'restart'
  | 'reload'
  | 'try-restart'
  | 'reload-or-restart'
  | 'reload-or-try-restart'

/** A command of cloud-config for a unit. */
export interface CommandStep extends Common {
  kind: 'command'
  unit: string
  verb: Verb
}

/** Lines `NAME=value` of a file that keeps its other lines, such as /etc/environment and /etc/coreos/update.conf. */
export interface SettingsStep extends Common {
  kind: 'settings'
  path: string
  /** Taken when there is no file at `path` yet; without it, or if it is missing too, one begins empty. */
  template?: string
  values: { name: string; value: string }[]
}

/** A script that runs once all else is done, at every boot, by a transient unit. */
export interface ScriptStep extends Common {
  kind: 'script'
  content: Uint8Array
}

/** One thing that is to be so. */
export type Step =
  | HostnameStep
  | GroupStep
  | UserStep
  | KeysStep
  | FilesystemStep
  | DirectoryStep
  | FileStep
  | LinkStep
  | SettingsStep
  | UnitStep
  | CommandStep
  | ScriptStep

/** The order in which steps are applied. */
export const PHASES: readonly (readonly Step['kind'][])[] = [
  ['hostname'],
  ['group'],
  ['user', 'keys'],
  ['filesystem'],
  ['directory', 'file', 'link'],
  ['settings'],
  ['unit'],
  ['command'],
  ['script'],
]
