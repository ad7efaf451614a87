/** What a key of Ignition takes. Names are those of Butane; `camelName` gives those of Ignition. */
export type Schema =
  | { kind: 'string' | 'bool' | 'int' | 'mode' }
  | { kind: 'list'; of: Schema }
  | { kind: 'map'; fields: Readonly<Record<string, Schema>> }
  /** It exists, and is not carried out here: with what to do instead. */
  | { kind: 'refused'; instead: string }

/** Values without parts. */
export const string: Schema = { kind: 'string' }
export const bool: Schema = { kind: 'bool' }
export const int: Schema = { kind: 'int' }
export const mode: Schema = { kind: 'mode' }

/** A list of one kind of thing. */
export function list(of: Schema): Schema {
  return { kind: 'list', of }
}

/** An object of these keys. */
export function map(fields: Record<string, Schema>): Schema {
  return { kind: 'map', fields }
}

/** What exists in the language, and is an error to ask for here. */
export function refused(instead: string): Schema {
  return { kind: 'refused', instead }
}

const RESOURCE: Record<string, Schema> = {
  source: string,
  compression: string,
  http_headers: list(map({ name: string, value: string })),
  verification: map({ hash: string }),
}
/** Where a Butane file may say what it contains in its own words. */
const BUTANE_RESOURCE: Record<string, Schema> = {
  ...RESOURCE,
  inline: string,
  local: refused('files beside the configuration are read with --files-dir only; else use inline, or source'),
}
const OWNER: Record<string, Schema> = {
  user: map({ name: string, id: int }),
  group: map({ name: string, id: int }),
}

const ACCOUNTS_AND_UNITS: Record<string, Schema> = {
  systemd: map({
    units: list(
      map({
        name: string,
        enabled: bool,
        mask: bool,
        contents: string,
        contents_local: refused('give --files-dir, or use contents'),
        dropins: list(
          map({
            name: string,
            contents: string,
            contents_local: refused('give --files-dir, or use contents'),
          }),
        ),
      }),
    ),
  }),
  passwd: map({
    users: list(
      map({
        name: string,
        password_hash: string,
        ssh_authorized_keys: list(string),
        ssh_authorized_keys_local: refused('give --files-dir, or use ssh_authorized_keys'),
        uid: int,
        gecos: string,
        home_dir: string,
        no_create_home: bool,
        primary_group: string,
        groups: list(string),
        no_user_group: bool,
        no_log_init: bool,
        shell: string,
        should_exist: bool,
        system: bool,
      }),
    ),
    groups: list(map({ name: string, gid: int, password_hash: string, should_exist: bool, system: bool })),
  }),
}

function config(resource: Record<string, Schema>): Record<string, Schema> {
  return {
    ignition: map({
      version: string,
      config: map({ merge: list(map(resource)), replace: map(resource) }),
      timeouts: refused('answers are waited for 10 s, and asked for again for 5 minutes'),
      proxy: refused('there is no proxy before the machine is configured'),
      security: refused('certificates of your own go to /etc/ssl/certs by storage.files'),
    }),
    storage: map({
      files: list(
        map({
          path: string,
          overwrite: bool,
          contents: map(resource),
          append: list(map(resource)),
          mode,
          ...OWNER,
        }),
      ),
      directories: list(map({ path: string, overwrite: bool, mode, ...OWNER })),
      links: list(map({ path: string, target: string, hard: bool, overwrite: bool, ...OWNER })),
      filesystems: list(
        map({
          device: string,
          format: string,
          label: string,
          uuid: string,
          wipe_filesystem: bool,
          options: list(string),
          path: string,
          mount_options: list(string),
          with_mount_unit: bool,
        }),
      ),
      disks: refused('make partitions before the installation, with sgdisk'),
      raid: refused('make it before the installation, with mdadm'),
      luks: refused('disks are not encrypted here'),
      trees: refused('name the files one by one'),
    }),
    ...ACCOUNTS_AND_UNITS,
    kernel_arguments: refused('the kernel is started with what the image says'),
  }
}

/** A whole Ignition configuration, 3.0 to 3.4. */
export const IGNITION: Schema = map(config(RESOURCE))

/** A whole Butane configuration. */
export const BUTANE: Schema = map({
  variant: string,
  version: string,
  boot_device: refused('it belongs to another system'),
  grub: refused('the boot loader is a part of the image'),
  openshift: refused('it belongs to another system'),
  ...config(BUTANE_RESOURCE),
})

/** A name in the manner of Ignition: `ssh_authorized_keys` is `sshAuthorizedKeys`. */
export function camelName(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase())
}
