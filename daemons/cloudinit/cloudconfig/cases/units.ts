import type { Case } from './case.ts'

const unit = (more: string, name = 'a.service'): string => `coreos:\n  units:\n    - name: ${name}\n${more}`
const UNIT = '      content: |\n        [Service]\n        ExecStart=/bin/true\n'

/** coreos.units. */
export const UNITS: Case[] = [
  {
    name: 'a unit',
    config: unit(UNIT),
    plan: ['unit a.service: written'],
    contents: { 'a.service': '[Service]\nExecStart=/bin/true\n' },
  },
  {
    name: 'that starts',
    config: unit(`${UNIT}      command: start\n`),
    plan: ['unit a.service: written', 'start a.service'],
  },
  ...['stop', 'restart', 'reload', 'try-restart', 'reload-or-restart', 'reload-or-try-restart'].map(verb => ({
    name: verb,
    config: unit(`      command: ${verb}\n`),
    plan: ['unit a.service: as it is', `${verb} a.service`],
  })),
  {
    name: 'a command that is none',
    config: unit('      command: launch\n'),
    plan: ['unit a.service: as it is', 'launch a.service'],
    findings: ['line 5:16: error: invalid value launch'],
  },
  { name: 'an empty command', config: unit('      command: ""\n'), plan: ['unit a.service: as it is'] },
  {
    name: 'for this start only',
    config: unit(`      runtime: true\n${UNIT}`),
    plan: ['unit a.service: written, until the next start'],
  },
  { name: 'that is masked', config: unit('      mask: true\n'), plan: ['unit a.service: masked'] },
  {
    name: 'that is masked for this start',
    config: unit('      mask: yes\n      runtime: yes\n'),
    plan: ['unit a.service: masked, until the next start'],
  },
  {
    name: 'that is unmasked for this start',
    config: unit('      runtime: yes\n'),
    plan: ['unit a.service: unmasked, until the next start'],
  },
  {
    name: 'that is enabled',
    config: unit(`      enable: true\n${UNIT}        [Install]\n        WantedBy=multi-user.target\n`),
    plan: ['unit a.service: written, enabled'],
  },
  {
    name: 'that is enabled in vain',
    config: unit(`      enable: true\n${UNIT}`),
    plan: ['unit a.service: written, enabled'],
    findings: ['line 5:7: warning: a.service: enable does nothing without an [Install] section'],
  },
  {
    name: 'that is enabled as it is',
    config: unit('      enable: true\n', 'docker.service'),
    plan: ['unit docker.service: enabled'],
  },
  {
    name: 'enable: false says nothing',
    config: unit('      enable: false\n'),
    plan: ['unit a.service: as it is'],
  },
  {
    name: 'drop-ins',
    config: unit(
      '      drop-ins:\n        - name: 10-a.conf\n          content: |\n            [Service]\n            Nice=5\n        - name: 20-b.conf\n          content: "[Unit]"\n',
    ),
    plan: ['unit a.service: drop-in 10-a.conf, drop-in 20-b.conf'],
    contents: { 'a.service/10-a.conf': '[Service]\nNice=5\n', 'a.service/20-b.conf': '[Unit]' },
  },
  {
    name: 'a drop-in without a name',
    config: unit('      drop-ins:\n        - content: "[Unit]"\n'),
    plan: ['unit a.service: drop-in '],
    findings: ['line 6:11: error: a drop-in needs a file name that ends in .conf'],
  },
  {
    name: 'a drop-in elsewhere',
    config: unit('      drop-ins:\n        - name: ../../x.conf\n'),
    plan: ['unit a.service: drop-in ../../x.conf'],
    findings: ['line 6:11: error: a drop-in needs a file name that ends in .conf'],
  },
  {
    name: 'a network',
    config: unit('      content: |\n        [Match]\n        Name=eth0\n', '00-eth0.network'),
    plan: ['unit 00-eth0.network: written'],
  },
  { name: 'a template', config: unit(UNIT, 'a@.service'), plan: ['unit a@.service: written'] },
  {
    name: 'an instance',
    config: unit('      command: start\n', 'a@1.service'),
    plan: ['unit a@1.service: as it is', 'start a@1.service'],
  },
  {
    name: 'commands follow all files',
    config:
      'coreos:\n  units:\n    - name: a.service\n      command: start\n    - name: b.service\n      command: stop\n',
    plan: ['unit a.service: as it is', 'unit b.service: as it is', 'start a.service', 'stop b.service'],
  },
  {
    name: 'no name',
    config: 'coreos:\n  units:\n    - command: start\n',
    findings: ['line 4:7: error: a unit needs a name'],
  },
  {
    name: 'no suffix',
    config: unit('', 'a'),
    plan: ['unit a: as it is'],
    findings: ["line 4:7: error: 'a' is no name of a unit, such as hello.service"],
  },
  {
    name: 'another suffix',
    config: unit('', 'a.services'),
    plan: ['unit a.services: as it is'],
    findings: ["line 4:7: error: 'a.services' is no name of a unit, such as hello.service"],
  },
  {
    name: 'a path as name',
    config: unit('', '../a.service'),
    plan: ['unit ../a.service: as it is'],
    findings: ["line 4:7: error: '../a.service' is no name of a unit, such as hello.service"],
  },
  {
    name: 'a unit twice',
    config: 'coreos:\n  units:\n    - name: a.service\n    - name: a.service\n',
    plan: ['unit a.service: as it is', 'unit a.service: as it is'],
    findings: ['line 5:7: warning: unit a.service is there already in line 4'],
  },
  {
    name: 'a line that is none',
    config: unit('      content: |\n        [Service]\n        ExecStart\n'),
    plan: ['unit a.service: written'],
    findings: ["line 7:9: warning: 'ExecStart' is neither a section nor NAME=VALUE"],
  },
  {
    name: 'a section that is none',
    config: unit('      content: |\n        [Service\n'),
    plan: ['unit a.service: written'],
    findings: ["line 6:9: warning: '[Service' is no section"],
  },
  {
    name: 'a line before any section',
    config: unit('      content: |\n        Nice=1\n'),
    plan: ['unit a.service: written'],
    findings: ["line 6:9: warning: 'Nice=1' stands before any section"],
  },
  {
    name: 'comments and continued lines',
    config: unit(
      '      content: |\n        # a\n        [Service]\n        ExecStart=/bin/sh \\\n          -c ls\n        ; b\n',
    ),
    plan: ['unit a.service: written'],
  },
  {
    name: 'flannel is gone',
    config: unit('      command: start\n', 'flanneld.service'),
    plan: ['unit flanneld.service: as it is'],
    findings: [
      'line 4:7: warning: flanneld.service: flannel is not in the image: containers of one machine share a bridge',
    ],
  },
  {
    name: 'unless one brings it along',
    config: unit(`      command: start\n${UNIT}`, 'flanneld.service'),
    plan: ['unit flanneld.service: written', 'start flanneld.service'],
  },
  {
    name: 'units as a map',
    config: 'coreos:\n  units:\n    name: a.service\n',
    findings: ['line 4:5: warning: incorrect type for "units" (want []struct)'],
  },
]
