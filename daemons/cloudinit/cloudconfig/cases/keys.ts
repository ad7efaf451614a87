import type { Case } from './case.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGG5VSpRJdSYPaTvaDeLdEEkwz7LhSHo8mSAlAOJ4xOa'

/** Keys that are none, of this or another system; keys of SSH; users. */
export const KEYS: Case[] = [
  {
    name: 'a key that is none',
    config: 'colour: red\n',
    findings: ['line 2:1: warning: unrecognized key "colour"'],
  },
  {
    name: 'one letter too many',
    config: 'hostnames: a\n',
    findings: ['line 2:1: warning: unrecognized key "hostnames": did you mean "hostname"?'],
  },
  {
    name: 'two letters changed',
    config: 'wirte-files: []\n',
    findings: ['line 2:1: warning: unrecognized key "wirte-files": did you mean "write-files"?'],
  },
  {
    name: 'in a section',
    config: 'coreos:\n  unit: []\n',
    findings: ['line 3:3: warning: unrecognized key "unit": did you mean "units"?'],
  },
  {
    name: 'in a unit',
    config: 'coreos:\n  units:\n    - name: a.service\n      comand: start\n',
    plan: ['unit a.service: as it is'],
    findings: ['line 5:7: warning: unrecognized key "comand": did you mean "command"?'],
  },
  {
    name: 'runcmd',
    config: 'runcmd:\n  - ls\n',
    findings: [
      'line 2:1: warning: unrecognized key "runcmd": it is no key of this cloud-config; write a unit with `command: start`',
    ],
  },
  {
    name: 'packages',
    config: 'packages: [vim]\n',
    findings: [
      'line 2:1: warning: unrecognized key "packages": it is no key of this cloud-config; run it in a container: the system has no package manager',
    ],
  },
  {
    name: 'ntp',
    config: 'ntp: {}\n',
    findings: [
      'line 2:1: warning: unrecognized key "ntp": it is no key of this cloud-config; write_files /etc/systemd/timesyncd.conf.d/10-ntp.conf',
    ],
  },
  {
    name: 'mounts',
    config: 'mounts: []\n',
    findings: [
      'line 2:1: warning: unrecognized key "mounts": it is no key of this cloud-config; write a .mount unit',
    ],
  },
  {
    name: 'timezone',
    config: 'timezone: UTC\n',
    findings: [
      'line 2:1: warning: unrecognized key "timezone": it is no key of this cloud-config; write a unit that runs `timedatectl set-timezone`',
    ],
  },
  {
    name: 'keys of core',
    config: `ssh_authorized_keys:\n  - ${KEY} a\n  - ${KEY}\n`,
    plan: ['2 keys of core in set coreos-cloudinit'],
  },
  {
    name: 'a key with options',
    config: `ssh_authorized_keys:\n  - 'from="10.0.0.0/8" ${KEY} a'\n`,
    plan: ['1 key of core in set coreos-cloudinit'],
  },
  { name: 'no keys', config: 'ssh_authorized_keys: []\n' },
  { name: 'empty keys are none', config: 'ssh_authorized_keys:\n  - ""\n' },
  {
    name: 'a key cut off',
    config: 'ssh_authorized_keys:\n  - ssh-rsa AAAA\n',
    findings: ["line 3:5: warning: 'ssh-rsa AAAA' is a public key of SSH that was cut off; it is left out"],
  },
  {
    name: 'a private key',
    config: 'ssh_authorized_keys:\n  - -----BEGIN OPENSSH\n',
    findings: ["line 3:5: warning: '-----BEGIN OPENSSH' is no public key of SSH; it is left out"],
  },
  { name: 'a user', config: 'users:\n  - name: elroy\n', plan: ['user elroy'] },
  {
    name: 'a user with all',
    config: `users:\n  - name: elroy\n    passwd: "$6$abc$def"\n    gecos: Elroy\n    homedir: /srv/elroy\n    primary-group: users\n    shell: /bin/sh\n    groups:\n      - docker\n      - sudo\n    ssh-authorized-keys:\n      - ${KEY} e\n`,
    plan: ['user elroy in docker,sudo, with a password', '1 key of elroy in set coreos-cloudinit'],
  },
  {
    name: 'a user of the system',
    config: 'users:\n  - name: a\n    system: yes\n    no-create-home: on\n    no-user-group: true\n',
    plan: ['user a'],
  },
  {
    name: 'a user without a name',
    config: 'users:\n  - gecos: x\n',
    findings: ['line 3:5: warning: a user without a name is passed over'],
  },
  {
    name: 'a password in the clear',
    config: 'users:\n  - name: a\n    passwd: secret\n',
    plan: ['user a, with a password'],
    findings: ['line 4:5: error: passwd must be a hash of crypt(5), such as from `mkpasswd -m sha512crypt`'],
  },
  {
    name: 'a locked password',
    config: 'users:\n  - name: a\n    passwd: "*"\n',
    plan: ['user a, with a password'],
  },
  {
    name: 'a hash of DES',
    config: 'users:\n  - name: a\n    passwd: ab01FAX.bQRSU\n',
    plan: ['user a, with a password'],
  },
  {
    name: 'groups as a text',
    config: 'users:\n  - name: a\n    groups: sudo\n',
    plan: ['user a'],
    findings: ['line 4:13: warning: incorrect type for "groups" (want []string)'],
  },
  {
    name: 'keys from elsewhere',
    config: 'users:\n  - name: a\n    coreos-ssh-import-github: me\n',
    plan: ['user a'],
    findings: [
      'line 4:5: error: "coreos-ssh-import-github" is not supported: keys are fetched from nowhere, put them into ssh_authorized_keys',
    ],
  },
  {
    name: 'what was never implemented',
    config: 'users:\n  - name: a\n    lock-passwd: true\n',
    plan: ['user a'],
    findings: [
      'line 4:5: warning: unrecognized key "lock-passwd": it is no key of this cloud-config; a user without passwd has no password to log in with',
    ],
  },
  { name: 'two users', config: 'users:\n  - name: a\n  - name: b\n', plan: ['user a', 'user b'] },
  {
    name: 'a text among users',
    config: 'users:\n  - a\n',
    findings: ['line 3:5: warning: incorrect type for "users" (want struct)'],
  },
  {
    name: '/etc/hosts',
    config: 'hostname: a\nmanage_etc_hosts: localhost\n',
    plan: ['hostname a', 'file /etc/hosts 0644, 12 bytes'],
    contents: { '/etc/hosts': '127.0.0.1 a\n' },
  },
  { name: '/etc/hosts without a name', config: 'manage_etc_hosts: localhost\n' },
  {
    name: '/etc/hosts as in other systems',
    config: 'manage_etc_hosts: template\n',
    findings: ['line 2:19: error: invalid value template: only localhost is known'],
  },
]
