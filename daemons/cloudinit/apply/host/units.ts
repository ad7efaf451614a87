import { readlink, rename, rm, symlink, unlink } from 'node:fs/promises'
import { posix } from 'node:path'
import { syncDirectory } from '#lib/durable.ts'
import { UserError } from '#lib/errors.ts'
import type { CommandStep, FileStep, UnitStep } from '../../plan/plan.ts'
import { isNetworkUnit, readInstall, type UnitLink, unitFolder } from '../unitpaths.ts'
import { applyFile, look, makeParents } from './files.ts'
import { complaint, locate, readText, type Target } from './machine.ts'

/** Where unit files are, those that count first (systemd.unit(5), UNIT FILE LOAD PATH). */
const UNIT_FOLDERS = ['/etc/systemd/system', '/run/systemd/system', '/usr/lib/systemd/system']
/** Units that name one another by Also=. */
const ALSO_DEPTH_MAX = 16
const NOWHERE = '/dev/null'
const NEW = '.orlop-new'
/** What systemd calls a unit. */
const UNIT_NAME = /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?\.[a-z]+$/

/** The units of a plan on a machine: their files, then what they are told. */
export class Units {
  readonly #target: Target
  /** What was written that systemd has read before. */
  #systemChanged = false
  #networkChanged = false
  readonly #enabled: string[] = []

  constructor(target: Target) {
    this.#target = target
  }

  /** Units that were enabled now and were not before. */
  get enabled(): readonly string[] {
    return this.#enabled
  }

  /** Writes what is said of a unit, and tells whether it was so already. */
  async apply(step: UnitStep): Promise<boolean> {
    const { name, content, dropIns, origin } = step
    if (!UNIT_NAME.test(name)) throw new UserError(`'${name}' is no name of a unit`)
    const folder = unitFolder(step)
    const path = `${folder}/${name}`
    const file = (path: string, text: string): FileStep => {
      const bytes = Buffer.from(text, 'utf8')
      const content = { kind: 'inline', bytes } as const
      return { kind: 'file', path, content, append: [], mode: 0o644, overwrite: true, origin }
    }
    let changed = false
    if (content !== undefined) changed = await applyFile(file(path, content), undefined, this.#target)
    for (const dropIn of dropIns) {
      if (!/^[^/]+\.conf$/.test(dropIn.name))
        throw new UserError(`${name}: drop-in '${dropIn.name}' must be a file name that ends in .conf`)
      const written = file(`${path}.d/${dropIn.name}`, dropIn.content)
      changed = (await applyFile(written, undefined, this.#target)) || changed
    }
    if (step.mask === true) changed = (await this.#mask(path)) || changed
    if (step.mask === false) changed = (await this.#unmask(path)) || changed
    if (step.enable === true && !isNetworkUnit(name)) changed = (await this.#enable(name, step)) || changed
    if (step.enable === false) changed = (await this.#disable(name)) || changed
    if (changed && isNetworkUnit(name)) this.#networkChanged = true
    else if (changed) this.#systemChanged = true
    return changed
  }

  /**
   * Has systemd read what was written, if anything was.
   *
   * @returns what went wrong, by line
   */
  async reload(): Promise<string[]> {
    const problems: string[] = []
    if (this.#systemChanged) problems.push(...(await this.#systemctl(['daemon-reload'])))
    if (this.#networkChanged) {
      // Before it runs there is nothing to be told; it reads its files when it starts.
      const state = await this.#target.run('systemctl', ['is-active', '--quiet', 'systemd-networkd.service'])
      if (state.status === 0)
        problems.push(...(await this.#systemctl(['--no-block', 'restart', 'systemd-networkd.service'])))
    }
    return problems
  }

  /**
   * Tells units what to do, in order, and does not wait for them: one that is ordered behind us would wait for us.
   *
   * @returns what went wrong, by line
   */
  async command(steps: readonly CommandStep[]): Promise<string[]> {
    const problems: string[] = []
    for (let from = 0; from < steps.length; ) {
      const { verb } = steps[from]!
      let to = from
      while (steps[to]?.verb === verb) to++
      const units = steps.slice(from, to).map(({ unit }) => unit)
      const together = await this.#systemctl(['--no-block', verb, ...units])
      // One that is not there keeps all others from it; alone each fails for itself.
      if (together.length > 0 && units.length > 1)
        for (const unit of units) problems.push(...(await this.#systemctl(['--no-block', verb, unit])))
      else problems.push(...together)
      from = to
    }
    return problems
  }

  /** Starts units without waiting. */
  async start(units: readonly string[]): Promise<string[]> {
    return units.length === 0 ? [] : await this.#systemctl(['--no-block', 'start', ...units])
  }

  async #systemctl(words: readonly string[]): Promise<string[]> {
    const ran = await this.#target.run('systemctl', words)
    return ran.status === 0 ? [] : [`systemctl ${words.join(' ')}: ${complaint(ran)}`]
  }

  async #mask(path: string): Promise<boolean> {
    const place = locate(this.#target, path)
    const there = await look(place)
    if (there?.isSymbolicLink() && (await readlink(place)) === NOWHERE) return false
    if (there?.isDirectory()) throw new UserError(`${path} is a directory, and not replaced by a mask`)
    await this.#link({ path, target: NOWHERE })
    return true
  }

  async #unmask(path: string): Promise<boolean> {
    const place = locate(this.#target, path)
    const there = await look(place)
    const masked = there?.isSymbolicLink() ? (await readlink(place)) === NOWHERE : there?.size === 0
    if (!masked) return false
    await unlink(place)
    await syncDirectory(posix.dirname(place))
    return true
  }

  async #enable(name: string, step: UnitStep): Promise<boolean> {
    const base = step.runtime ? '/run/systemd/system' : '/etc/systemd/system'
    const links = await this.#linksOf(name, base)
    if (links.length === 0) {
      this.#target.log(`unit ${name}: has no [Install] section, so that enabling it does nothing`)
      return false
    }
    let changed = false
    for (const link of links) {
      const place = locate(this.#target, link.path)
      const there = await look(place)
      if (there?.isSymbolicLink() && (await readlink(place)) === link.target) continue
      if (there !== undefined && !there.isSymbolicLink())
        throw new UserError(`${link.path} is in the way of enabling ${name}`)
      await this.#link(link)
      changed = true
    }
    if (changed) this.#enabled.push(name)
    return changed
  }

  async #disable(name: string): Promise<boolean> {
    let changed = false
    for (const folder of UNIT_FOLDERS.slice(0, 2)) {
      for (const { path } of await this.#linksOf(name, folder)) {
        const place = locate(this.#target, path)
        if (!(await look(place))?.isSymbolicLink()) continue
        await unlink(place)
        await syncDirectory(posix.dirname(place))
        changed = true
      }
    }
    return changed
  }

  /** The links that enabling a unit and those it names makes. */
  async #linksOf(name: string, base: string): Promise<UnitLink[]> {
    const links: UnitLink[] = []
    const seen = new Set<string>()
    let next = [name]
    for (let depth = 0; depth < ALSO_DEPTH_MAX && next.length > 0; depth++) {
      const also: string[] = []
      for (const unit of next) {
        if (seen.has(unit)) continue
        seen.add(unit)
        const file = await this.#find(unit)
        if (file === undefined) {
          if (unit === name) throw new UserError(`unit ${name} can not be enabled: it has no file`)
          continue
        }
        const install = readInstall(unit, file.text, file.path, base)
        links.push(...install.links)
        also.push(...install.also)
      }
      next = also
    }
    return links
  }

  async #find(unit: string): Promise<{ path: string; text: string } | undefined> {
    const template = unit.replace(/@[^.]*\./, '@.')
    for (const name of new Set([unit, template])) {
      for (const folder of UNIT_FOLDERS) {
        const path = `${folder}/${name}`
        const text = await readText(locate(this.#target, path))
        if (text !== undefined && text !== '') return { path, text }
      }
    }
    return undefined
  }

  async #link({ path, target }: UnitLink): Promise<void> {
    await makeParents(path, this.#target)
    const place = locate(this.#target, path)
    await rm(`${place}${NEW}`, { force: true })
    await symlink(target, `${place}${NEW}`)
    await rename(`${place}${NEW}`, place)
    await syncDirectory(posix.dirname(place))
  }
}
