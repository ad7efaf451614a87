import { UserError } from '#lib/errors.ts'
import { readText } from './content.ts'
import { compileGlob } from './glob.ts'
import { nameOf, type Tree } from './tree.ts'
import { parseUnit, type UnitFile } from './unitfile.ts'

const UNIT_FOLDERS = ['etc/systemd/system', 'usr/lib/systemd/system']
const PRESET_FOLDERS = ['etc/systemd/system-preset', 'usr/lib/systemd/system-preset']
const WANTS_FOLDER = 'etc/systemd/system'
const UNIT_NAME = /^[A-Za-z0-9:_.\\@-]+\.(service|socket|target|timer|path|mount|automount|slice|swap)$/

/** One line of a preset file. */
export interface Preset {
  enable: boolean
  matches: RegExp
  pattern: string
  /** Instances to enable of a template. */
  instances: string[]
}

/** Parses systemd.preset(5). */
export function parsePresets(text: string, file: string): Preset[] {
  return text.split('\n').flatMap((raw, index) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#') || line.startsWith(';')) return []
    const [verb, pattern, ...instances] = line.split(/\s+/)
    if ((verb !== 'enable' && verb !== 'disable') || pattern === undefined)
      throw new UserError(
        `${file}:${index + 1}: a preset is "enable PATTERN" or "disable PATTERN", not "${line}"`,
      )
    return [{ enable: verb === 'enable', matches: compileGlob(pattern), pattern, instances }]
  })
}

/** A link that enabling a unit makes. Both are absolute paths of the running system without the leading slash. */
export interface EnablementLink {
  path: string
  /** Path of the unit file. */
  unit: string
}

/**
 * The links that `systemctl preset-all` would make in /etc/systemd/system. Files of the same name in an earlier
 * folder hide later ones, the first preset that matches a unit decides, and a unit that none matches is left out.
 *
 * @throws UserError when a preset names a plain unit that is not there: it was pruned, or mistyped
 */
export function presetLinks(tree: Tree): EnablementLink[] {
  const presets = readPresets(tree)
  const units = unitFiles(tree)
  const links = new Map<string, EnablementLink>()
  const done = new Set<string>()
  const enable = (name: string, instances: string[]) => {
    if (done.has(name)) return
    done.add(name)
    const path = units.get(name)
    const unit = path === undefined ? undefined : loadUnit(tree, path)
    if (path === undefined || unit === undefined) return
    for (const link of installLinks(name, path, unit, instances)) links.set(link.path, link)
    for (const also of unit.words('Install', 'Also')) enable(also, [])
  }
  for (const { pattern, enable: wanted } of presets)
    if (wanted && UNIT_NAME.test(pattern) && !units.has(pattern))
      throw new UserError(
        `a preset enables ${pattern}, but no unit of that name is in the image`,
        'see usr/lib/systemd/system-preset in image/overlay',
      )
  for (const name of [...units.keys()].sort()) {
    const preset = presets.find(candidate => candidate.matches.test(name))
    if (preset?.enable) enable(name, preset.instances)
  }
  return [...links.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function readPresets(tree: Tree): Preset[] {
  const files = new Map<string, Preset[]>()
  for (const folder of PRESET_FOLDERS)
    for (const entry of tree.children(folder))
      if (entry.type === 'file' && entry.path.endsWith('.preset') && !files.has(nameOf(entry.path)))
        files.set(nameOf(entry.path), parsePresets(readText(entry.content), entry.path))
  return [...files.keys()].sort().flatMap(name => files.get(name)!)
}

/** Unit files by name with their paths; links (aliases and masks) are no files to enable. */
function unitFiles(tree: Tree): Map<string, string> {
  const units = new Map<string, string>()
  const hidden = new Set<string>()
  for (const folder of UNIT_FOLDERS)
    for (const entry of tree.children(folder)) {
      const name = nameOf(entry.path)
      if (!UNIT_NAME.test(name) || hidden.has(name)) continue
      hidden.add(name)
      if (entry.type === 'file') units.set(name, entry.path)
    }
  return units
}

/** A unit with its drop-ins. */
function loadUnit(tree: Tree, path: string): UnitFile | undefined {
  const entry = tree.get(path)
  if (entry?.type !== 'file') return undefined
  return parseUnit(readText(entry.content), ...dropInTexts(tree, nameOf(path)))
}

/** The texts of a unit's drop-ins, in the order in which systemd reads them. */
export function dropInTexts(tree: Tree, name: string): string[] {
  const found = new Map<string, string>()
  for (const folder of UNIT_FOLDERS)
    for (const child of tree.children(`${folder}/${name}.d`))
      if (child.type === 'file' && child.path.endsWith('.conf') && !found.has(nameOf(child.path)))
        found.set(nameOf(child.path), readText(child.content))
  return [...found.keys()].sort().map(key => found.get(key)!)
}

/** The links of one unit's [Install] section; of a template, for the given or the default instance. */
function installLinks(name: string, path: string, unit: UnitFile, instances: string[]): EnablementLink[] {
  const template = /^(.*@)(\.[a-z]+)$/.exec(name)
  let names = [name]
  if (template) {
    const chosen = instances.length > 0 ? instances : unit.words('Install', 'DefaultInstance')
    names = chosen.map(instance => `${template[1]}${instance}${template[2]}`)
  }
  const folders = (['WantedBy', 'RequiredBy', 'UpheldBy'] as const).flatMap(key =>
    unit
      .words('Install', key)
      .map(target => `${target}.${{ WantedBy: 'wants', RequiredBy: 'requires', UpheldBy: 'upholds' }[key]}`),
  )
  const links = names.flatMap(instance => folders.map(folder => `${folder}/${instance}`))
  const aliases = unit.words('Install', 'Alias')
  return [...links, ...aliases].map(link => ({ path: `${WANTS_FOLDER}/${link}`, unit: path }))
}

/** Puts the links into the tree, as absolute links like systemctl's. */
export function putPresets(tree: Tree, mtime: number): void {
  for (const { path, unit } of presetLinks(tree)) {
    if (tree.has(path)) continue
    tree.put({
      type: 'symlink',
      path,
      target: `/${unit}`,
      mode: 0o777,
      uid: 0,
      gid: 0,
      mtime,
      origin: 'orlop',
    })
  }
}
