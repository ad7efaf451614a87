/** Keys that other systems have in their cloud-config, and what does the same here. */
const TOP: Readonly<Record<string, string>> = {
  apt: 'the system has no package manager',
  apt_sources: 'the system has no package manager',
  bootcmd: 'write a unit with `command: start`',
  ca_certs: 'write_files the certificate, and name it to the program that needs it',
  chef: 'run it in a container',
  chpasswd: 'give users a passwd',
  disable_root: 'nobody logs in as root',
  disk_setup: 'use Ignition',
  final_message: 'see `systemctl status coreos-cloudinit`',
  fqdn: 'use hostname',
  fs_setup: 'use Ignition',
  groups: 'name the groups of a user in users',
  growpart: 'the disk is grown at each boot',
  locale: 'write_files /etc/locale.conf',
  mounts: 'write a .mount unit',
  network: 'write a .network unit',
  ntp: 'write_files /etc/systemd/timesyncd.conf.d/10-ntp.conf',
  package_update: 'the system is updated as a whole',
  package_upgrade: 'the system is updated as a whole',
  packages: 'run it in a container: the system has no package manager',
  password: 'give a user a passwd',
  phone_home: 'write a unit that does it',
  power_state: 'write a unit that does it',
  preserve_hostname: 'leave hostname out',
  puppet: 'run it in a container',
  resize_rootfs: 'the disk is grown at each boot',
  resolv_conf: 'write_files /etc/systemd/resolved.conf.d/10-dns.conf',
  runcmd: 'write a unit with `command: start`',
  salt_minion: 'run it in a container',
  snap: 'run it in a container: the system has no package manager',
  ssh_import_id: 'put the keys into ssh_authorized_keys',
  ssh_keys: 'write_files the keys of the host into /etc/ssh',
  ssh_pwauth: 'write_files /etc/ssh/sshd_config.d/10-password.conf',
  swap: 'write a .swap unit',
  timezone: 'write a unit that runs `timedatectl set-timezone`',
  yum_repos: 'the system has no package manager',
}
const USER: Readonly<Record<string, string>> = {
  expiredate: 'accounts do not expire',
  groups: 'a list of names',
  inactive: 'accounts do not expire',
  lock_passwd: 'a user without passwd has no password to log in with',
  no_create_group: 'use no_user_group',
  plain_text_passwd: 'use passwd, a hash such as from `mkpasswd -m sha512crypt`',
  hashed_passwd: 'use passwd',
  selinux_user: 'the system has no SELinux',
  ssh_import_id: 'put the keys into ssh_authorized_keys',
  ssh_redirect_user: 'name the user to log in as',
  sudo: 'put the user into the group sudo, or write_files /etc/sudoers.d/NAME',
  uid: 'the next free number is taken',
}
const FILE: Readonly<Record<string, string>> = {
  append: 'a file is written as a whole',
  defer: 'files are written after users and before units',
  source: 'a file is written from its content',
}

/**
 * What to do instead of a key that is none here, but that somebody may expect who knows another system.
 *
 * @param path of the key in the document, with `_`
 */
export function insteadOf(path: string): string | undefined {
  const match = /^(?:(?<list>users|write_files)\[\d+\]\.)?(?<key>\w+)$/.exec(path)
  const { list, key } = match?.groups ?? {}
  const table = list === 'users' ? USER : list === 'write_files' ? FILE : TOP
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined
}
