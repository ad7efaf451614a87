import { sizeOf } from './content.ts'
import type { Tree } from './tree.ts'

/** Packages that make up what people know as one thing. */
const GROUPS: [component: string, origins: RegExp][] = [
  ['kernel modules', /^linux-image-/],
  ['docker', /^(docker\.io|docker-cli|tini)$/],
  ['containerd', /^containerd$/],
  ['runc', /^runc$/],
  [
    'systemd',
    /^(systemd.*|udev|libudev1|libsystemd.*|libnss-(systemd|resolve|myhostname)|libpam-systemd|dbus-broker)$/,
  ],
  ['openssh', /^openssh-/],
]

/** Uncompressed bytes by component, falling; packages that belong to no group stand for themselves. */
export function componentSizes(tree: Tree, binaryPath: string): Record<string, number> {
  const sizes = new Map<string, number>()
  for (const entry of tree.list()) {
    if (entry.type !== 'file') continue
    const group = GROUPS.find(([, origins]) => origins.test(entry.origin))?.[0]
    const own = entry.path === binaryPath ? 'orlop binary' : 'orlop files'
    const component = group ?? (entry.origin === 'orlop' ? own : entry.origin)
    sizes.set(component, (sizes.get(component) ?? 0) + sizeOf(entry.content))
  }
  return Object.fromEntries([...sizes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)))
}
