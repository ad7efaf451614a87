import type { Case } from './case.ts'

const UNTIL = 'drop-in 20-cloudinit.conf, until the next start'
const section = (name: string, more: string): string => `coreos:\n  ${name}:\n${more}`
const environment = (...lines: string[]): string =>
  `[Service]\n${lines.map(line => `Environment="${line}"\n`).join('')}`

const LOCKSMITH_IS_GONE = 'line 3:3: warning: locksmith: locksmith is not in this image yet'

/** The sections of coreos that set programs up. */
export const SERVICES: Case[] = [
  {
    name: 'etcd2',
    config: section('etcd2', '    name: a\n    discovery: https://d/x\n'),
    plan: [`unit etcd2.service: ${UNTIL}`],
    contents: { 'etcd2.service/20-cloudinit.conf': environment('ETCD_DISCOVERY=https://d/x', 'ETCD_NAME=a') },
  },
  { name: 'etcd2 without anything', config: section('etcd2', '    name:\n') },
  {
    name: 'numbers and truths as they stand',
    config: section('etcd2', '    heartbeat-interval: 0100\n    debug: yes\n'),
    plan: [`unit etcd2.service: ${UNTIL}`],
    contents: {
      'etcd2.service/20-cloudinit.conf': environment('ETCD_DEBUG=true', 'ETCD_HEARTBEAT_INTERVAL=64'),
    },
  },
  {
    name: 'quotes, backslashes, per cent',
    config: section('etcd2', `    name: 'a"b\\c%d'\n`),
    plan: [`unit etcd2.service: ${UNTIL}`],
    contents: { 'etcd2.service/20-cloudinit.conf': environment('ETCD_NAME=a\\"b\\\\c%%d') },
  },
  {
    name: 'cors',
    config: section('etcd2', '    cors: "*"\n'),
    plan: [`unit etcd2.service: ${UNTIL}`],
    contents: { 'etcd2.service/20-cloudinit.conf': environment('ETCD_CORS=*') },
  },
  ...['on', 'off', 'readonly'].map(proxy => ({
    name: `proxy ${proxy}`,
    config: section('etcd2', `    proxy: ${proxy}\n`),
    plan: [`unit etcd2.service: ${UNTIL}`],
    contents: { 'etcd2.service/20-cloudinit.conf': environment(`ETCD_PROXY=${proxy}`) },
  })),
  {
    name: 'another proxy',
    config: section('etcd2', '    proxy: maybe\n'),
    plan: [`unit etcd2.service: ${UNTIL}`],
    findings: ['line 4:12: error: invalid value maybe'],
  },
  {
    name: 'a token that nobody has put in',
    config: section('etcd2', '    discovery: https://discovery.etcd.io/<token>\n'),
    plan: [`unit etcd2.service: ${UNTIL}`],
    findings: [
      'line 4:5: warning: discovery: https://discovery.etcd.io/<token> is no URL of a token: put the one of your cluster in its place',
    ],
  },
  {
    name: 'a flag that etcd never had',
    config: section('etcd2', '    nmae: a\n'),
    findings: ['line 4:5: warning: unrecognized key "nmae": did you mean "name"?'],
  },
  {
    name: 'etcd of old',
    config: section(
      'etcd',
      '    addr: 10.0.0.1:4001\n    peer-addr: 10.0.0.1:7001\n    discovery: https://d/x\n',
    ),
    plan: [`unit etcd.service: ${UNTIL}`],
    findings: [
      'line 3:3: warning: deprecated key "etcd" (it is of etcd 0.4: what has a flag of today is translated; use etcd2)',
    ],
    contents: {
      'etcd.service/20-cloudinit.conf': environment(
        'ETCD_ADVERTISE_CLIENT_URLS=http://10.0.0.1:4001',
        'ETCD_DISCOVERY=https://d/x',
        'ETCD_INITIAL_ADVERTISE_PEER_URLS=http://10.0.0.1:7001',
      ),
    },
  },
  {
    name: 'fleet',
    config: section('fleet', '    public-ip: 10.0.0.1\n    metadata: role=web\n    verbosity: 2\n'),
    plan: [`unit fleet.service: ${UNTIL}`],
    contents: {
      'fleet.service/20-cloudinit.conf': environment(
        'FLEET_METADATA=role=web',
        'FLEET_PUBLIC_IP=10.0.0.1',
        'FLEET_VERBOSITY=2',
      ),
    },
  },
  {
    name: 'fleet with an interval',
    config: section('fleet', '    engine-reconcile-interval: 2.5\n'),
    plan: [`unit fleet.service: ${UNTIL}`],
  },
  {
    name: 'fleet with no interval',
    config: section('fleet', '    engine-reconcile-interval: soon\n'),
    findings: ['line 4:32: warning: incorrect type for "engine-reconcile-interval" (want float64)'],
  },
  {
    name: 'flannel',
    config: section('flannel', '    interface: eth1\n    etcd-prefix: /n\n'),
    plan: ['file /run/flannel/options.env 0644, 43 bytes'],
    findings: [
      'line 3:3: warning: flannel: flannel is not in the image: containers of one machine share a bridge',
    ],
    contents: { '/run/flannel/options.env': 'FLANNELD_ETCD_PREFIX=/n\nFLANNELD_IFACE=eth1' },
  },
  {
    name: 'locksmith',
    config: section(
      'locksmith',
      '    endpoint: http://10.0.0.1:2379\n    window-start: Thu 04:00\n    window-length: 1h30m\n',
    ),
    plan: [`unit locksmithd.service: ${UNTIL}`],
    findings: [LOCKSMITH_IS_GONE],
    contents: {
      'locksmithd.service/20-cloudinit.conf': environment(
        'LOCKSMITHD_ENDPOINT=http://10.0.0.1:2379',
        'REBOOT_WINDOW_START=Thu 04:00',
        'REBOOT_WINDOW_LENGTH=1h30m',
      ),
    },
  },
  {
    name: 'a window without a day',
    config: section('locksmith', '    window-start: "4:00"\n'),
    plan: [`unit locksmithd.service: ${UNTIL}`],
    findings: [LOCKSMITH_IS_GONE],
  },
  {
    name: 'a window that begins never',
    config: section('locksmith', '    window-start: noon\n'),
    plan: [`unit locksmithd.service: ${UNTIL}`],
    findings: [LOCKSMITH_IS_GONE, 'line 4:19: error: invalid value noon'],
  },
  {
    name: 'a window of no length',
    config: section('locksmith', '    window-length: long\n'),
    plan: [`unit locksmithd.service: ${UNTIL}`],
    findings: [LOCKSMITH_IS_GONE, 'line 4:20: error: invalid value long'],
  },
  {
    name: 'best-effort',
    config: section('update', '    reboot-strategy: best-effort\n'),
    plan: [
      'in /etc/coreos/update.conf: REBOOT_STRATEGY=best-effort',
      'unit locksmithd.service: unmasked, until the next start',
    ],
    findings: ['line 4:5: warning: best-effort is gone: use etcd-lock or reboot'],
  },
  ...['etcd-lock', 'reboot'].map(strategy => ({
    name: strategy,
    config: section('update', `    reboot-strategy: ${strategy}\n`),
    plan: [
      `in /etc/coreos/update.conf: REBOOT_STRATEGY=${strategy}`,
      'unit locksmithd.service: unmasked, until the next start',
    ],
  })),
  ...['off', '"off"', 'false'].map(strategy => ({
    name: `no restarts: ${strategy}`,
    config: section('update', `    reboot-strategy: ${strategy}\n`),
    plan: [
      'in /etc/coreos/update.conf: REBOOT_STRATEGY=off',
      'unit locksmithd.service: masked, until the next start',
    ],
  })),
  {
    name: 'another strategy',
    config: section('update', '    reboot-strategy: never\n'),
    plan: [
      'in /etc/coreos/update.conf: REBOOT_STRATEGY=never',
      'unit locksmithd.service: unmasked, until the next start',
    ],
    findings: ['line 4:22: error: invalid value never'],
  },
  {
    name: 'group and server',
    config: section('update', '    group: beta\n    server: https://u/v1/update/\n'),
    plan: ['in /etc/coreos/update.conf: GROUP=beta SERVER=https://u/v1/update/'],
  },
  {
    name: 'oem',
    config: section('oem', '    id: ami\n    name: Amazon EC2\n    version-id: 1.0\n'),
    plan: ['file /etc/oem-release 0644, 70 bytes'],
    contents: {
      '/etc/oem-release': 'ID=ami\nVERSION_ID=1.0\nNAME="Amazon EC2"\nHOME_URL=""\nBUG_REPORT_URL=""\n',
    },
  },
  { name: 'oem without id', config: section('oem', '    name: x\n') },
  {
    name: 'units of people come before those made up',
    config: 'coreos:\n  etcd2:\n    name: a\n  units:\n    - name: etcd2.service\n      command: start\n',
    plan: ['unit etcd2.service: as it is', `unit etcd2.service: ${UNTIL}`, 'start etcd2.service'],
  },
]
