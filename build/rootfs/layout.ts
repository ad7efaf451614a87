import { UserError } from '#lib/errors.ts'
import type { Accounts } from './accounts.ts'
import type { Maker } from './put.ts'
import { parseStrict, type StrictObject } from './strict.ts'

/** image/layout.json: folders, links and modes that no package brings, and where links may lead out of the image. */
export interface Layout {
  directories: { path: string; mode: number; owner: string }[]
  links: { path: string; target: string }[]
  modes: { path: string; mode: number }[]
  /** Patterns of paths that exist only in the running system. */
  outside: string[]
}

/** Parses image/layout.json. Modes are octal texts such as "0755"; every item may have a `reason`. */
export function parseLayout(text: string, file: string): Layout {
  const top = parseStrict(text, file)
  const each = <T>(key: string, read: (item: StrictObject) => T): T[] =>
    top.objects(key).map(item => {
      const result = read(item)
      if (item.has('reason')) item.text('reason', /\S/, 'a reason')
      item.end()
      return result
    })
  const mode = (item: StrictObject) =>
    Number.parseInt(item.text('mode', /^[0-7]{4}$/, 'four octal digits such as "0755"'), 8)
  const path = (item: StrictObject) => item.text('path', /^[^/]/, 'a path without a leading slash')
  const layout: Layout = {
    directories: each('directories', item => ({
      path: path(item),
      mode: mode(item),
      owner: item.has('owner')
        ? item.text('owner', /^[a-z_][a-z0-9_-]*:[a-z_][a-z0-9_-]*$/, 'USER:GROUP')
        : 'root:root',
    })),
    links: each('links', item => ({ path: path(item), target: item.text('target', /./, 'a path') })),
    modes: each('modes', item => ({ path: path(item), mode: mode(item) })),
    outside: each('outside', item => item.texts('paths')).flat(),
  }
  top.end()
  return layout
}

/** Applies the layout: folders and links are put (a link replaces what is there, even a folder), modes are set. */
export function applyLayout(maker: Maker, layout: Layout, accounts: Accounts, file: string): void {
  const { tree } = maker
  for (const { path, mode, owner } of layout.directories) {
    const [user = '', group = ''] = owner.split(':')
    const uid = accounts.users.get(user)?.uid
    const gid = accounts.groups.get(group)?.gid
    if (uid === undefined || gid === undefined)
      throw new UserError(`${file}: "${path}" is to belong to ${owner}, which is not in the image`)
    if (tree.get(path)?.type === 'symlink') tree.remove(path)
    maker.directory(path, mode, { uid, gid })
  }
  for (const { path, target } of layout.links) {
    const above = tree.landing(path)
    if (tree.get(above)?.type === 'directory') tree.remove(above)
    maker.link(path, target)
  }
  for (const { path, mode } of layout.modes) {
    const entry = tree.get(path)
    if (entry === undefined) throw new UserError(`${file}: "modes" names ${path}, which is not in the image`)
    tree.put({ ...entry, mode })
  }
}
