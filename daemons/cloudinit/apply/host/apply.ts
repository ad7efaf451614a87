import { mkdir, writeFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { replaceFile } from '#lib/durable.ts'
import { describeFailure, UserError } from '#lib/errors.ts'
import { describeStep } from '../../plan/describe.ts'
import {
  type CommandStep,
  PHASES,
  type Plan,
  type ScriptStep,
  type SettingsStep,
  type Step,
} from '../../plan/plan.ts'
import { editSettings } from '../settings.ts'
import { applyDirectory, applyFile, applyLink, makeParents } from './files.ts'
import { applyFilesystem } from './filesystems.ts'
import { locate, readText, type Target } from './machine.ts'
import { People } from './people.ts'
import { Units } from './units.ts'

/** What became of a plan. */
export interface Outcome {
  changed: number
  unchanged: number
  /** What could not be made so, one line each. */
  failures: string[]
}

/** How a plan is applied. */
export interface ApplyOptions {
  /** Whether units that are enabled for the first time start in this very boot, as if they had been before it. */
  startEnabled: boolean
  /** Where scripts are kept. */
  workspace: string
}

const SCRIPT_MODE = 0o744

/**
 * Applies a plan, phase by phase. A step that fails is told, and the others go on: a machine that has its keys and no
 * file of somebody is better than one that has neither.
 */
export async function applyPlan(plan: Plan, options: ApplyOptions, target: Target): Promise<Outcome> {
  return await new Application(options, target, await People.open(target)).run(plan)
}

class Application {
  readonly #options: ApplyOptions
  readonly #target: Target
  readonly #people: People
  readonly #units: Units
  readonly #outcome: Outcome = { changed: 0, unchanged: 0, failures: [] }

  constructor(options: ApplyOptions, target: Target, people: People) {
    this.#options = options
    this.#target = target
    this.#people = people
    this.#units = new Units(target)
  }

  async run(plan: Plan): Promise<Outcome> {
    for (const kinds of PHASES) {
      const steps = plan.steps.filter(step => kinds.includes(step.kind))
      if (kinds[0] === 'command') await this.#command(steps.filter(step => step.kind === 'command'))
      else for (const step of steps) await this.#apply(step)
      if (kinds[0] === 'unit') this.#outcome.failures.push(...(await this.#units.reload()))
    }
    return this.#outcome
  }

  async #apply(step: Step): Promise<void> {
    try {
      if (await this.#make(step)) {
        this.#outcome.changed++
        this.#target.log(describeStep(step))
      } else {
        this.#outcome.unchanged++
      }
    } catch (error) {
      const reason = describeFailure(error)
      // Anything else is a mistake of ours, which must not keep the machine from its other steps either.
      const text = reason ?? (error instanceof Error ? (error.stack ?? error.message) : String(error))
      this.#outcome.failures.push(`${place(step)}${text}`)
    }
  }

  async #make(step: Step): Promise<boolean> {
    const target = this.#target
    const people = this.#people
    switch (step.kind) {
      case 'hostname':
        return await setHostname(step.name, target)
      case 'group':
        return await people.applyGroup(step)
      case 'user':
        return await people.applyUser(step)
      case 'keys':
        return await people.applyKeys(step)
      case 'filesystem':
        return await applyFilesystem(step, target)
      case 'directory':
        return await applyDirectory(step, people.owner(step), target)
      case 'file':
        return await applyFile(step, people.owner(step), target)
      case 'link':
        return await applyLink(step, people.owner(step), target)
      case 'settings':
        return await applySettings(step, target)
      case 'unit':
        return await this.#units.apply(step)
      case 'script':
        return await runScript(step, this.#options.workspace, target)
      case 'command':
        throw new Error('commands are given together')
    }
  }

  async #command(steps: readonly CommandStep[]): Promise<void> {
    const { failures } = this.#outcome
    failures.push(...(await this.#units.command(steps)))
    if (!this.#options.startEnabled) return
    const told = new Set(steps.map(({ unit }) => unit))
    failures.push(...(await this.#units.start(this.#units.enabled.filter(unit => !told.has(unit)))))
  }
}

/** The name for good and now: by the kernel itself, as hostnamed may not run yet. */
async function setHostname(name: string, target: Target): Promise<boolean> {
  const path = locate(target, '/etc/hostname')
  const current = locate(target, '/proc/sys/kernel/hostname')
  const [file, kernel] = await Promise.all([readText(path), readText(current)])
  if (file?.trim() === name && kernel?.trim() === name) return false
  await makeParents('/etc/hostname', target)
  await replaceFile(path, `${name}\n`, { mode: 0o644 })
  if (kernel !== undefined && kernel.trim() !== name) await writeFile(current, name)
  return true
}

async function applySettings(step: SettingsStep, target: Target): Promise<boolean> {
  const path = locate(target, step.path)
  const own = await readText(path)
  const before =
    own ?? (step.template === undefined ? undefined : await readText(locate(target, step.template))) ?? ''
  const text = editSettings(before, step.values)
  if (text === own) return false
  await makeParents(step.path, target)
  await replaceFile(path, text, { mode: 0o644 })
  return true
}

/** Has systemd run a script beside us, at every boot, as the original did. */
async function runScript(step: ScriptStep, workspace: string, target: Target): Promise<boolean> {
  const folder = posix.join(workspace, 'scripts')
  await mkdir(locate(target, folder), { recursive: true })
  const path = posix.join(folder, 'user-data')
  await replaceFile(locate(target, path), step.content, { mode: SCRIPT_MODE })
  const unit = 'coreos-cloudinit-user-data.service'
  const words = ['--no-block', '--collect', `--unit=${unit}`, '--description=Script of the user data']
  const ran = await target.run('systemd-run', [...words, '/bin/bash', path])
  if (ran.status !== 0) throw new UserError(`the script could not be started: ${ran.stderr.trim()}`)
  await replaceFile(locate(target, posix.join(folder, 'unit-name')), unit, { mode: 0o644 })
  return true
}

function place({ origin }: Step): string {
  const at = origin.line === 0 ? '' : `line ${origin.line}: `
  return origin.path === '' ? at : `${at}${origin.path}: `
}
