// The shell scripts that judge a boot, in a folder that stands for the machine and with a systemctl that is told
// what to answer.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'

const SCRIPTS = fileURLToPath(new URL('../../image/overlay/usr/lib/orlop', import.meta.url))

/** Answers `systemctl is-active` for units that the folder's file `inactive` does not name, and notes other verbs. */
const SYSTEMCTL = `#!/bin/sh
[ "$1" = is-active ] || { echo "$@" >> "$ORLOP_HEALTH_ROOT/systemctl"; exit 0; }
shift; [ "$1" = --quiet ] && { quiet=1; shift; }
status=3
for unit in "$@"; do
  if grep -qx "$unit" "$ORLOP_HEALTH_ROOT/inactive"; then state=failed; else state=active status=0; fi
  [ -n "$quiet" ] || echo $state
done
exit $status
`

function machine(t: Test, cmdline = 'quiet orlop.slot=b') {
  const folder = t.testdir({
    bin: { systemctl: SYSTEMCTL, sync: '#!/bin/sh\n' },
    dev: { console: '' },
    etc: { orlop: { 'health.d': {} } },
    proc: { cmdline: `${cmdline}\n` },
    ...{ home: {}, root: {}, var: {}, inactive: '' },
    run: { containerd: { 'containerd.sock': '' } },
  })
  for (const name of ['systemctl', 'sync']) chmod(join(folder, 'bin', name))
  const text = (path: string) => readFileSync(join(folder, path), 'utf8')
  return {
    folder,
    text,
    write: (path: string, content: string) => writeFileSync(join(folder, path), content),
    check: (name: string, script: string) => {
      writeFileSync(join(folder, 'etc/orlop/health.d', name), script)
      chmod(join(folder, 'etc/orlop/health.d', name))
    },
    run: (script: string, args: string[] = []) =>
      spawnSync('bash', [join(SCRIPTS, script), ...args], {
        encoding: 'utf8',
        env: { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, ORLOP_HEALTH_ROOT: folder },
      }),
  }
}

function chmod(path: string): void {
  spawnSync('chmod', ['755', path])
}

t.test('a healthy machine', async t => {
  const vm = machine(t)
  vm.check('50-good', '#!/bin/sh\nexit 0\n')
  writeFileSync(join(vm.folder, 'etc/orlop/health.d/notes.txt'), 'no check: it can not be executed')
  t.match(vm.run('health'), { status: 0, stdout: '', stderr: '' })
  t.notOk(existsSync(join(vm.folder, 'run/orlop/unhealthy')))
  for (const folder of ['etc', 'var', 'home', 'root'])
    t.notOk(existsSync(join(vm.folder, folder, '.orlop-health')), 'no probe stays behind')
})

t.test('each fault is named', async t => {
  const faults: [string, (vm: ReturnType<typeof machine>) => void, string | RegExp][] = [
    ['containerd', vm => vm.write('inactive', 'containerd.service\n'), 'containerd.service is failed\n'],
    ['docker', vm => vm.write('inactive', 'docker.socket\n'), 'docker.socket is failed\n'],
    [
      'everything',
      vm =>
        vm.write('inactive', 'dbus.service\nsystemd-networkd.service\ncontainerd.service\ndocker.socket\n'),
      'dbus.service is failed\n',
    ],
    ['ssh', vm => vm.write('inactive', 'ssh.service\nssh.socket\n'), /neither ssh.service nor ssh.socket/],
    ['no answer', vm => vm.write('bin/systemctl', '#!/bin/sh\nexit 1\n'), 'dbus.service is unknown\n'],
    ['no socket', vm => rmSync(join(vm.folder, 'run/containerd/containerd.sock')), /no socket/],
    ['no /var', vm => rmSync(join(vm.folder, 'var'), { recursive: true }), '/var can not be written\n'],
    ['a check', vm => vm.check('50-bad', '#!/bin/sh\nexit 4\n'), /health\.d\/50-bad exited with status 4\n/],
  ]
  for (const [name, damage, reason] of faults) {
    const vm = machine(t)
    damage(vm)
    t.equal(vm.run('health').status, 1, name)
    t.match(vm.text('run/orlop/unhealthy'), reason, name)
  }
  const vm = machine(t)
  vm.write('inactive', 'ssh.service\n')
  t.equal(vm.run('health').status, 0, 'ssh by its socket will do')
})

t.test('a check that hangs is named when its time is over', async t => {
  const vm = machine(t)
  // As systemd does, which sends the signal to all processes of the unit.
  vm.check('50-slow', '#!/bin/sh\nkill -TERM $PPID\nexit 143\n')
  t.equal(vm.run('health').status, 1)
  t.match(vm.text('run/orlop/unhealthy'), /health\.d\/50-slow did not end in time\n/)
})

t.test('an unhealthy boot restarts', async t => {
  const vm = machine(t)
  vm.check('50-bad', '#!/bin/sh\nexit 4\n')
  vm.run('health')
  t.equal(vm.run('boot-failed', ['no reason']).status, 0)
  t.match(vm.text('dev/console'), /^\r\nORLOP: boot failed slot=b reason=.*50-bad exited with status 4\r\n$/)
  t.equal(vm.text('systemctl'), '--force reboot\n')
})

t.test('without a finding the given reason is told', async t => {
  const vm = machine(t, 'orlop.slot=a')
  vm.run('boot-failed', ['not found healthy within the deadline'])
  t.match(vm.text('dev/console'), 'slot=a reason=not found healthy within the deadline\r\n')
  vm.write('dev/console', '')
  vm.run('boot-failed')
  t.match(vm.text('dev/console'), 'reason=orlop-health.service or orlop-mark-good.service failed\r\n')
})

t.test('where a restart does not help, the machine stays up, loud', async t => {
  for (const cmdline of ['orlop.slot=a orlop.tries=0 orlop.lastresort=1', 'quiet', 'orlop.slot=x']) {
    const vm = machine(t, cmdline)
    t.match(vm.run('boot-failed', ['why']), { status: 0, stdout: /^staying up/ })
    t.match(vm.text('dev/console'), /boot failed slot=\w+ reason=why/)
    t.notOk(existsSync(join(vm.folder, 'systemctl')), cmdline)
  }
})

t.test('a boot found healthy can not fail, and who asked for a shell keeps it', async t => {
  for (const cmdline of ['orlop.slot=a emergency', 'orlop.slot=a systemd.unit=rescue.target'])
    silentIn(t, machine(t, cmdline))
  const vm = machine(t)
  spawnSync('mkdir', ['-p', join(vm.folder, 'run/orlop')])
  vm.write('run/orlop/boot-complete', '')
  silentIn(t, vm)
})

function silentIn(t: Test, vm: ReturnType<typeof machine>): void {
  t.equal(vm.run('boot-failed', ['why']).status, 0)
  t.equal(vm.text('dev/console'), '')
  t.notOk(existsSync(join(vm.folder, 'systemctl')))
}
