import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '#lib/durable.ts'
import { describeFailure, UserError } from '#lib/errors.ts'
import { applyPlan, type Outcome } from '../apply/host/apply.ts'
import { readText } from '../apply/host/machine.ts'
import { localsOf } from '../butane/host/folder.ts'
import { renderFindings } from '../cloudconfig/render.ts'
import { type Compiled, compileConfig } from '../config.ts'
import { fillRemotes, remotesOf } from '../fetch.ts'
import { emitPlan } from '../ignition/emit.ts'
import { type Metadata, metadataSteps, NO_METADATA } from '../metadata/metadata.ts'
import { describeStep, stepJson } from '../plan/describe.ts'
import { mergePlans } from '../plan/merge.ts'
import type { Plan, Remote, Step } from '../plan/plan.ts'
import type { Finding, Substitutes } from '../plan/report.ts'
import type { Settings } from '../settings.ts'
import { COMMAND_LINE_KEYS } from '../source/cmdline.ts'
import { fetchUrl } from '../source/host/fetch.ts'
import { USER_DATA_BYTES_MAX } from '../source/host/files.ts'
import { findConfig, type Search } from '../source/host/sources.ts'
import { networkSteps } from '../source/networkd.ts'
import type { Found } from '../source/source.ts'
import { formatState, parseState, withApplied } from '../state.ts'
import { settleDisks, thisMachine } from './target.ts'

/** Where the program speaks to. */
export interface Output {
  out(line: string): void
  err(line: string): void
}

const NETWORK_UNIT = 'coreos-cloudinit-network.service'
const STATE_FILE = 'applied.json'
/** Configurations that consist of others, which consist of others. */
const REFERENCE_DEPTH_MAX = 10
/** In another language too each machine puts its own in. */
const AS_THEY_STAND: Substitutes = {
  public_ipv4: '$public_ipv4',
  private_ipv4: '$private_ipv4',
  public_ipv6: '$public_ipv6',
  private_ipv6: '$private_ipv6',
}
const ENVIRONMENT_FILE = '/etc/environment'

/** One configuration, read. */
interface Part extends Compiled {
  found: Found
  /** Of its bytes. */
  digest: string
}

/** Does what the command line asks for, and gives the status of the process. */
export async function runProgram(settings: Settings, output: Output): Promise<number> {
  const status = await new Program(settings, output).run()
  return settings.ignoreFailure ? 0 : status
}

class Program {
  readonly #settings: Settings
  readonly #output: Output
  #failed = false

  constructor(settings: Settings, output: Output) {
    this.#settings = settings
    this.#output = output
  }

  async run(): Promise<number> {
    const { mode, boot, explicit } = this.#settings
    const network = boot !== 'local'
    if (!network) await settleDisks()
    if (this.#settings.input) return await this.#show(await this.#read(await readInput(), NO_METADATA))
    const search = await findConfig({ network, explicit, log: () => undefined })
    if (mode !== 'apply') {
      this.#say(search.failures)
      if (search.main?.userData === undefined && !this.#failed)
        throw new UserError('there is no configuration', 'name a FILE, see coreos-cloudinit --help')
      return search.main === undefined ? 1 : await this.#show(await this.#read(search.main, NO_METADATA))
    }
    return await this.#apply(search)
  }

  /** Shows a configuration: what is wrong, what it would do, or another language. */
  async #show(part: Part): Promise<number> {
    const { mode, json } = this.#settings
    const { findings, plan } = part
    if (mode === 'validate') {
      if (json) this.#output.out(JSON.stringify(findings))
      else for (const line of renderFindings(findings)) this.#output.out(line)
      return findings.length > 0 ? 1 : 0
    }
    this.#report(part)
    if (hasErrors(findings)) return 1
    if (mode === 'dry-run') {
      if (json) this.#output.out(JSON.stringify(plan.steps.map(stepJson)))
      else for (const step of plan.steps) this.#output.out(describeStep(step))
      return 0
    }
    // Addresses are written there by each machine itself.
    const steps = plan.steps.filter(step => step.kind !== 'settings' || step.path !== ENVIRONMENT_FILE)
    const { text, lost, mistakes } = emitPlan({ steps }, this.#settings.convert ?? 'ignition')
    for (const line of mistakes) this.#output.err(`error: ${line}`)
    if (mistakes.length > 0) return 1
    for (const line of lost) this.#output.err(`lost: ${line}`)
    this.#output.out(text.trimEnd())
    return 0
  }

  async #apply(search: Search): Promise<number> {
    const { boot, workspace } = this.#settings
    const { main, oem } = search
    this.#say(search.failures)
    const metadata = main?.metadata ?? search.machine ?? NO_METADATA
    const plans: Plan[] = [{ steps: this.#machineSteps(search, metadata, main) }]
    const state = parseState(await readText(join(workspace, STATE_FILE)))
    const applied: Part[] = []
    let later = search.waitsFor !== undefined
    for (const found of [oem, main]) {
      if (found?.userData === undefined) continue
      const part = await this.#read(found, metadata).catch((error: unknown) => {
        const reason = describeFailure(error)
        if (reason === undefined) throw error
        this.#say([`${found.source}: ${reason}`])
      })
      if (part === undefined) continue
      this.#report(part)
      if (hasErrors(part.findings)) this.#failed = true
      else if (part.once && state.once.includes(part.digest))
        this.#tell(found, 'was applied at an earlier start')
      else if (part.references.length > 0 || (boot === 'local' && remotesOf(part.plan).length > 0))
        later = true
      else applied.push(part)
    }
    plans.push(...(await this.#fetched(applied)))
    const target = thisMachine(line => this.#output.out(line))
    const startEnabled = applied.some(({ format }) => format === 'ignition' || format === 'butane')
    const outcome = await applyPlan(mergePlans(plans), { startEnabled, workspace }, target)
    this.#sum(applied, outcome)
    if (outcome.failures.length === 0) await this.#remember(applied)
    if (later && boot === 'local') {
      const { status, stderr } = await target.run('systemctl', ['--no-block', 'start', NETWORK_UNIT])
      if (status !== 0) this.#say([`${NETWORK_UNIT}: ${stderr.trim()}`])
    }
    return this.#failed ? 1 : 0
  }

  /** What follows from what the platform and the kernel's command line say, beside any user data. */
  #machineSteps(search: Search, metadata: Metadata, main: Found | undefined): Step[] {
    const { sshKeys } = search.facts.commandLine
    const origin = { path: 'kernel command line', line: 0, column: 0 }
    const keys: Step[] =
      sshKeys.length > 0 && this.#settings.explicit.length === 0
        ? [{ kind: 'keys', user: 'core', set: COMMAND_LINE_KEYS, keys: sshKeys, origin }]
        : []
    const files = networkSteps(main?.networkFiles ?? [], { path: 'network', line: 0, column: 0 })
    return [...metadataSteps(metadata), ...keys, ...files]
  }

  /** Reads a configuration and what it consists of, as far as there is a network. */
  async #read(found: Found, metadata: Metadata): Promise<Part> {
    const { mode, filesFolder } = this.#settings
    const bytes = found.userData ?? new Uint8Array()
    const options = {
      substitutes: mode === 'convert' ? AS_THEY_STAND : await substitutesOf(metadata),
      // Of what is looked at elsewhere nobody knows the addresses.
      tellMissing: mode === 'apply',
      sshKeyName: this.#settings.sshKeyName,
      keys: metadata.keys,
      ...(metadata.hostname === undefined ? {} : { hostname: metadata.hostname }),
    }
    const digest = createHash('sha256').update(bytes).digest('hex')
    const locals = filesFolder === undefined ? undefined : localsOf(filesFolder)
    const fetched = new Map<string, Uint8Array>()
    for (let depth = 0; ; depth++) {
      const compiled = compileConfig(bytes, options, { fetched, locals })
      const { references, findings } = compiled
      if (references.length === 0 || this.#settings.boot === 'local' || hasErrors(findings))
        return { ...compiled, found, digest }
      if (depth >= REFERENCE_DEPTH_MAX)
        throw new UserError(`${found.place}: refers to configurations more than ${REFERENCE_DEPTH_MAX} deep`)
      for (const remote of references) fetched.set(remote.url, await this.#fetch(remote))
    }
  }

  /** The plans with everything in them that they point to. */
  async #fetched(parts: readonly Part[]): Promise<Plan[]> {
    const plans: Plan[] = []
    for (const { plan, found } of [...parts]) {
      const bytes = new Map<Remote, Uint8Array>()
      try {
        for (const remote of remotesOf(plan)) bytes.set(remote, await this.#fetch(remote))
        plans.push(fillRemotes(plan, bytes))
      } catch (error) {
        const reason = describeFailure(error)
        if (reason === undefined) throw error
        // Nothing of it is applied: half a configuration is another one.
        this.#say([`${found.source}: ${reason}`])
      }
    }
    return plans
  }

  async #fetch(remote: Remote): Promise<Uint8Array> {
    return await fetchUrl(remote.url, { ...remote, log: line => this.#output.err(line) })
  }

  async #remember(parts: readonly Part[]): Promise<void> {
    const { workspace } = this.#settings
    const path = join(workspace, STATE_FILE)
    const text = await readText(path)
    let state = parseState(text)
    for (const { once, digest } of parts) if (once) state = withApplied(state, digest)
    if (formatState(state) === text) return
    await mkdir(workspace, { recursive: true })
    await replaceFile(path, formatState(state), { mode: 0o600 })
  }

  #sum(parts: readonly Part[], { changed, unchanged, failures }: Outcome): void {
    this.#say(failures)
    const from =
      parts.map(({ found, format }) => `${format} of ${found.source}`).join(' and ') || 'no user data'
    this.#output.out(
      `applied ${from}: ${changed} changed, ${unchanged} as they were, ${failures.length} failed`,
    )
  }

  #report({ found, findings }: Part): void {
    for (const line of renderFindings(findings)) this.#output.err(`${found.source}: ${line}`)
    if (hasErrors(findings)) this.#output.err(`${found.source}: not applied; nothing of it was changed`)
  }

  #tell(found: Found, what: string): void {
    this.#output.out(`${found.source}: ${what}`)
  }

  #say(problems: readonly string[]): void {
    if (problems.length > 0) this.#failed = true
    for (const problem of problems) this.#output.err(`error: ${problem}`)
  }
}

/** What comes by the standard input. */
async function readInput(): Promise<Found> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > USER_DATA_BYTES_MAX)
      throw new UserError(`the standard input: more than ${USER_DATA_BYTES_MAX} bytes`)
    pieces.push(piece)
  }
  const place = 'the standard input'
  return { source: 'flag', place, userData: Buffer.concat(pieces), metadata: NO_METADATA, networkFiles: [] }
}

function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error')
}

/** What is known of the machine's addresses: from the platform, else from what was found out at an earlier time. */
async function substitutesOf({ substitutes }: Metadata): Promise<Substitutes> {
  const text = (await readText(ENVIRONMENT_FILE)) ?? ''
  const known: Substitutes = {}
  for (const name of ['public_ipv4', 'private_ipv4', 'public_ipv6', 'private_ipv6'] as const) {
    const value = new RegExp(`^COREOS_${name.toUpperCase()}=(.*)$`, 'm')
      .exec(text)?.[1]
      ?.replace(/^"(.*)"$/, '$1')
    if (value) known[name] = value
  }
  return { ...known, ...substitutes }
}
