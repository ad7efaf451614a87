/**
 * One name in a file tree: what a package's data.tar holds, what the root file system is made of, what goes into
 * the initrd. Pure data; the bytes of big files stay on disk and are named by path.
 */
export type TreeEntry = DirectoryEntry | FileEntry | SymlinkEntry | DeviceEntry

/** What every entry has. Paths are relative without a leading or trailing slash (`usr/bin/ls`); the root is ''. */
export interface EntryAttributes {
  path: string
  /** Permission bits including setuid, setgid and sticky: 0 … 0o7777. */
  mode: number
  uid: number
  gid: number
  /** Seconds since the epoch. */
  mtime: number
  /** Extended attributes by full name, such as `security.capability`. */
  xattrs?: Record<string, Uint8Array>
  /** Who brought it: a package's name, or `orlop` for what we made ourselves. For the SBOM and for messages. */
  origin: string
}

/** A folder; what is in it are entries of their own. */
export interface DirectoryEntry extends EntryAttributes {
  type: 'directory'
}

/** A regular file. */
export interface FileEntry extends EntryAttributes {
  type: 'file'
  content: Content
}

/** A symbolic link. */
export interface SymlinkEntry extends EntryAttributes {
  type: 'symlink'
  /** As readlink gives it. */
  target: string
}

/** A device node, as a package may bring it. */
export interface DeviceEntry extends EntryAttributes {
  type: 'character' | 'block'
  major: number
  minor: number
}

/** The bytes of a file: in memory, or a whole file on disk that nobody changes (a cache blob). */
export type Content =
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'blob'; path: string; size: number; sha256: string }
