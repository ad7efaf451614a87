import { bool, int, list, map, mode, refused, type Schema, string } from './schema.ts'

const REFERENCE = map({
  source: string,
  http_headers: list(map({ name: string, value: string })),
  verification: map({ hash: string }),
})
const CONTENTS = map({
  source: string,
  compression: string,
  http_headers: list(map({ name: string, value: string })),
  verification: map({ hash: string }),
})
const OWNER = map({ name: string, id: int })
const NODE = { filesystem: string, path: string, overwrite: bool, user: OWNER, group: OWNER }
const DROP_INS = list(map({ name: string, contents: string }))
const ACCOUNT: Record<string, Schema> = {
  uid: int,
  gecos: string,
  home_dir: string,
  no_create_home: bool,
  primary_group: string,
  groups: list(string),
  no_user_group: bool,
  no_log_init: bool,
  shell: string,
  system: bool,
}
const MOUNT = map({
  device: string,
  format: string,
  wipe_filesystem: bool,
  label: string,
  uuid: string,
  options: list(string),
  create: map({ force: bool, options: list(string) }),
})

/** Ignition 2.0.0 to 2.4.0. */
export const IGNITION_2: Schema = map({
  ignition: map({
    version: string,
    config: map({ append: list(REFERENCE), replace: REFERENCE }),
    timeouts: refused('answers are waited for 10 s, and asked for again for 5 minutes'),
    proxy: refused('there is no proxy before the machine is configured'),
    security: refused('certificates of your own go to /etc/ssl/certs by storage.files'),
  }),
  storage: map({
    disks: refused('make partitions before the installation, with sgdisk'),
    raid: refused('make it before the installation, with mdadm'),
    filesystems: list(map({ name: string, path: string, mount: MOUNT })),
    files: list(map({ ...NODE, append: bool, contents: CONTENTS, mode })),
    directories: list(map({ ...NODE, mode })),
    links: list(map({ ...NODE, target: string, hard: bool })),
  }),
  systemd: map({
    units: list(
      map({
        name: string,
        enable: bool,
        enabled: bool,
        mask: bool,
        contents: string,
        dropins: DROP_INS,
      }),
    ),
  }),
  networkd: map({ units: list(map({ name: string, contents: string, dropins: DROP_INS })) }),
  passwd: map({
    users: list(
      map({
        name: string,
        password_hash: string,
        ssh_authorized_keys: list(string),
        ...ACCOUNT,
        create: map(ACCOUNT),
      }),
    ),
    groups: list(map({ name: string, gid: int, password_hash: string, system: bool })),
  }),
})
