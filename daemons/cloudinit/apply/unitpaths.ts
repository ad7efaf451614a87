import type { UnitStep } from '../plan/plan.ts'

/** Files that systemd-networkd reads, and not systemd. */
const NETWORK_SUFFIX = /\.(network|netdev|link)$/

/** Whether a unit is one of systemd-networkd. */
export function isNetworkUnit(name: string): boolean {
  return NETWORK_SUFFIX.test(name)
}

/** The folder of a unit's file: of this start (`/run`) or for good (`/etc`). */
export function unitFolder({ name, runtime }: Pick<UnitStep, 'name' | 'runtime'>): string {
  return `${runtime ? '/run' : '/etc'}/systemd/${isNetworkUnit(name) ? 'network' : 'system'}`
}

/** A symbolic link that enabling a unit makes. */
export interface UnitLink {
  path: string
  target: string
}

/** What enabling a unit asks for, by its [Install] section (systemd.unit(5)). */
export interface Install {
  /** Links to be made; empty without [Install]. */
  links: UnitLink[]
  /** Units that are to be enabled along (Also=). */
  also: string[]
}

/**
 * Reads the [Install] section of a unit file: WantedBy=, RequiredBy=, UpheldBy=, Alias=, Also=, DefaultInstance=.
 *
 * @param unit name of the unit, such as `a.service` or `a@1.service`
 * @param file where the unit's file is: what the links point to
 * @param folder where links are made: `/etc/systemd/system`, or that of /run
 */
export function readInstall(unit: string, text: string, file: string, folder: string): Install {
  const values = installValues(text)
  const name = instanceOf(unit, values.get('DefaultInstance')?.at(-1))
  const words = (key: string) => (values.get(key) ?? []).map(word => expand(word, name))
  const links: UnitLink[] = []
  // A template without an instance can not be wanted by anybody.
  if (!name.includes('@.')) {
    for (const [key, suffix] of [
      ['WantedBy', 'wants'],
      ['RequiredBy', 'requires'],
      ['UpheldBy', 'upholds'],
    ] as const)
      for (const target of words(key))
        links.push({ path: `${folder}/${target}.${suffix}/${name}`, target: file })
  }
  for (const alias of words('Alias'))
    if (alias !== unit) links.push({ path: `${folder}/${alias}`, target: file })
  return { links, also: words('Also').filter(other => other !== unit) }
}

/** Words of each key of the section; an empty value takes back what stood before. */
function installValues(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>()
  let inside = false
  for (const line of text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map(line => line.trim())) {
    if (line.startsWith('#') || line.startsWith(';')) continue
    if (line.startsWith('[')) inside = line === '[Install]'
    const found = inside ? /^([A-Za-z]+)\s*=\s*(.*)$/.exec(line) : null
    if (found === null) continue
    const [, key = '', value = ''] = found
    const before = value === '' ? [] : (values.get(key) ?? [])
    values.set(key, [...before, ...value.split(/\s+/).filter(word => word !== '')])
  }
  return values
}

function instanceOf(unit: string, standard: string | undefined): string {
  return standard === undefined ? unit : unit.replace('@.', `@${standard}.`)
}

/** The specifiers that make sense in [Install]: name, prefix, instance (systemd.unit(5), Specifiers). */
function expand(word: string, unit: string): string {
  const bare = unit.replace(/\.[a-z]+$/, '')
  const [prefix = '', instance = ''] = bare.split(/@(.*)/s)
  const values: Record<string, string> = { n: unit, N: bare, p: prefix, i: instance, '%': '%' }
  return word.replaceAll(/%(.)/g, (all, letter: string) => values[letter] ?? all)
}
