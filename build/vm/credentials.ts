import { UserError } from '#lib/errors.ts'

/** A file that the firmware hands to the guest (QEMU's fw_cfg). */
export interface FirmwareFile {
  /** Name in the guest, such as `opt/io.systemd.credentials/agetty.autologin`. */
  name: string
  content: Uint8Array
}

/** systemd takes what the firmware has below this name for credentials (systemd.io/CREDENTIALS). */
const CREDENTIAL_PREFIX = 'opt/io.systemd.credentials/'
/** FW_CFG_MAX_FILE_PATH of QEMU less the closing zero. */
const NAME_BYTES_MAX = 55

/** The firmware files for credentials and for other files, sorted by name. Strings become UTF-8. */
export function firmwareFiles(
  credentials: Record<string, string | Uint8Array>,
  files: Record<string, string | Uint8Array>,
): FirmwareFile[] {
  const all = [
    ...Object.entries(credentials).map(
      ([name, content]) => [`${CREDENTIAL_PREFIX}${name}`, content] as const,
    ),
    ...Object.entries(files),
  ]
  return all
    .map(([name, content]) => {
      checkName(name)
      return { name, content: typeof content === 'string' ? Buffer.from(content, 'utf8') : content }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function checkName(name: string): void {
  if (!/^opt\/[A-Za-z0-9._/-]+$/.test(name) || name.split('/').some(part => /^\.*$/.test(part)))
    throw new UserError(
      `firmware file '${name}': the name must be opt/ and letters, digits, '.', '_', '-', '/'`,
    )
  if (name.length > NAME_BYTES_MAX)
    throw new UserError(
      `firmware file '${name}': the name has ${name.length} characters, QEMU takes ${NAME_BYTES_MAX}`,
    )
}

/** A file that systemd-tmpfiles writes at boot. */
export interface GuestFile {
  /** Absolute path without white space. */
  path: string
  /** Octal, such as `0644`. */
  mode: string
  content: string | Uint8Array
}

/**
 * Lines for the credential `tmpfiles.extra` (tmpfiles.d(5)): each file is made with this content, or given it if it
 * exists, at every boot.
 */
export function tmpfilesLines(files: readonly GuestFile[]): string {
  return files
    .map(({ path, mode, content }) => {
      if (!/^\/[^\s%\\"']+$/.test(path))
        throw new UserError(`file '${path}': a plain absolute path is needed`)
      if (!/^0?[0-7]{3,4}$/.test(mode)) throw new UserError(`file ${path}: mode '${mode}' is not octal`)
      return `f+~ ${path} ${mode} root root - ${Buffer.from(content).toString('base64')}\n`
    })
    .join('')
}
