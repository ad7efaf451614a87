/**
 * Lines of tmpfiles.d that make the device nodes whose first use loads a module (`/dev/fuse`, `/dev/net/tun`): what
 * `kmod static-nodes` would work out at every boot, although it only depends on the modules. udev's rules set owners
 * and modes later.
 *
 * @param devname the text of `modules.devname`: lines of module, name below /dev, and `c` or `b` with major:minor
 */
export function staticNodes(devname: string): string {
  const folders = new Set<string>()
  const nodes: string[] = []
  for (const line of devname.split('\n')) {
    const match = /^[^#\s]\S* (\S+) ([bc])(\d+:\d+)$/.exec(line)
    if (!match) continue
    const [, name = '', kind, number] = match
    for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) folders.add(name.slice(0, at))
    nodes.push(`${kind}! /dev/${name} 0600 - - - ${number}\n`)
  }
  return [...[...folders].sort().map(folder => `d /dev/${folder} 0755 - - -\n`), ...nodes].join('')
}
