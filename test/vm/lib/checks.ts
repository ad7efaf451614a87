import type { Test } from 'tap'
import type { Machine } from '../../../build/vm/machine.ts'
import { SLOW_COMMAND_MS, said } from './guest.ts'

/** What holds in every guest, whatever its firmware and hardware. */
export async function checkHealthy(t: Test, machine: Machine): Promise<void> {
  // Asked together and whatever the status, so that a failure names the units.
  const { stdout } = await machine.ssh.exec(
    'systemctl is-system-running --wait; systemctl list-units --failed --no-legend --plain',
    { timeoutMs: SLOW_COMMAND_MS },
  )
  t.equal(stdout.trim(), 'running', 'running, no failed unit')
  t.match(await said(machine, 'slotctl status'), /^slot a +good +tries 3 +booted, boots next/m)
}

/** Containers run, with the image from the local registry by its usual name. */
export async function checkContainers(t: Test, machine: Machine): Promise<void> {
  const run = await machine.ssh.exec('docker run --rm busybox /bin/echo hello world', {
    timeoutMs: SLOW_COMMAND_MS,
  })
  t.same({ code: run.code, stdout: run.stdout }, { code: 0, stdout: 'hello world\n' }, run.stderr)
  t.match(await said(machine, 'sudo ctr version'), /Server:\s+Version:/)
}

/** The root is what dm-verity lets through, and nothing makes it writable. */
export async function checkRoot(t: Test, machine: Machine): Promise<void> {
  const [source, type, options] = (await said(machine, 'findmnt -no SOURCE,FSTYPE,OPTIONS /')).split(/\s+/)
  t.same([source, type, options?.split(',')[0]], ['/dev/mapper/root', 'erofs', 'ro'])
  const device = `/sys/dev/block/${await said(machine, 'findmnt -no MAJ:MIN /')}`
  t.same((await said(machine, `cat ${device}/dm/name ${device}/ro`)).split('\n'), ['root', '1'])
  t.match(await said(machine, 'sudo dmsetup table root'), / verity 1 /, 'mapped through verity')
  t.match(await said(machine, 'sudo dmsetup status root'), / verity V/, 'no corruption met')
  for (const command of [
    'sudo mount -o remount,rw /',
    'sudo touch /usr/x',
    'sudo touch /x',
    'sudo sh -c "echo x >> /usr/lib/os-release"',
    'sudo chmod 777 /usr/bin/bash',
    'sudo dd if=/dev/zero of=/dev/mapper/root bs=4096 count=1 conv=notrunc',
  ]) {
    const { code, stdout, stderr } = await machine.ssh.exec(command)
    t.not(code, 0, command)
    t.match(stdout + stderr, /read-only|not permitted|write-protected/i, command)
  }
}

/** Nothing is reachable from outside but SSH, and nobody logs in there with a password. */
export async function checkClosed(t: Test, machine: Machine): Promise<void> {
  const sockets = await said(machine, "ss -Hltun | awk '{print $1, $5}'")
  const open = sockets
    .split('\n')
    .filter(line => line !== '' && !/ (127\.\d+\.\d+\.\d+|\[::1\])(%\w+)?:\d+$/.test(line))
    // The client side of DHCP, on the link only.
    .filter(line => !/^udp .*:(68|546)$/.test(line))
  t.ok(open.length > 0, 'SSH listens')
  for (const line of open) t.match(line, /^tcp .*:22$/, line)
  t.match(await said(machine, 'sudo sshd -T | grep -i ^passwordauthentication'), /no$/)
  t.equal(
    await said(machine, "sudo awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow"),
    '',
    'no password is set',
  )
}
