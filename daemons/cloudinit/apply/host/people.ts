import { chmod, chown, cp, lchown, mkdir, readdir } from 'node:fs/promises'
import { posix } from 'node:path'
import { replaceFile, syncDirectory } from '#lib/durable.ts'
import { UserError } from '#lib/errors.ts'
import type { GroupStep, KeysStep, Ownership, UserStep } from '../../plan/plan.ts'
import { Accounts, type AccountTexts, type Home } from '../accounts.ts'
import { look, makeParents, type Owner } from './files.ts'
import { locate, readText, type Target } from './machine.ts'

/** The files, those first that others point to: who is cut off between two leaves nothing that names nobody. */
const FILES = [
  ['group', 0o644],
  ['gshadow', 0o640],
  ['shadow', 0o640],
  ['passwd', 0o644],
] as const
const HOME_MODE = 0o700
const KEYS_MODE = 0o600
/** The name of a set of keys is the name of a file. */
const SET_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/

/** The accounts of the machine, read once, written when they are changed. */
export class People {
  readonly #target: Target
  #accounts: Accounts
  #texts: AccountTexts

  private constructor(target: Target, texts: AccountTexts) {
    this.#target = target
    this.#texts = texts
    this.#accounts = new Accounts(texts, target.today)
  }

  /** Reads the accounts of a machine. */
  static async open(target: Target): Promise<People> {
    const [passwd = '', shadow = '', group = '', gshadow = ''] = await Promise.all(
      ['passwd', 'shadow', 'group', 'gshadow'].map(name => readText(locate(target, `/etc/${name}`))),
    )
    return new People(target, { passwd, shadow, group, gshadow })
  }

  /** Numbers of who owns a path; undefined when the plan leaves that open. */
  owner({ user, group }: Ownership): Owner | undefined {
    if (user === undefined && group === undefined) return undefined
    const uid = user === undefined ? 0 : this.#userNumber(user)
    const gid = group === undefined ? 0 : this.#groupNumber(group)
    return { uid, gid }
  }

  /** Makes a group be, or not be. */
  async applyGroup(step: GroupStep): Promise<boolean> {
    return await this.#change(accounts => accounts.applyGroup(step))
  }

  /** Makes an account be, or not be, and its home when it is a new one. */
  async applyUser(step: UserStep): Promise<boolean> {
    let home: Home | undefined
    const changed = await this.#change(accounts => {
      home = accounts.applyUser(step)
    })
    if (home !== undefined) await this.#makeHome(home)
    return changed
  }

  /** Writes a set of keys, or takes it away. sshd reads every file of that folder (sshd_config). */
  async applyKeys(step: KeysStep): Promise<boolean> {
    const account = this.#accounts.user(step.user)
    if (account === undefined) throw new UserError(`keys of ${step.user}: there is no such user`)
    if (!SET_NAME.test(step.set))
      throw new UserError(`keys of ${step.user}: '${step.set}' is no name of a set of keys`)
    const folder = posix.join(account.home, '.ssh/authorized_keys.d')
    const path = locate(this.#target, posix.join(folder, step.set))
    const text = step.keys.map(key => `${key.trim()}\n`).join('')
    if (((await readText(path)) ?? '') === text) return false
    await makeParents(account.home, this.#target)
    for (const part of [account.home, posix.dirname(folder), folder]) await this.#ownFolder(part, account)
    await replaceFile(
      path,
      async file => {
        await file.writeFile(text)
        if (this.#target.chown) await file.chown(account.uid, account.gid)
      },
      { mode: KEYS_MODE },
    )
    return true
  }

  async #change(apply: (accounts: Accounts) => void): Promise<boolean> {
    // On a copy: what fails half-way leaves nothing behind.
    const accounts = new Accounts(this.#texts, this.#target.today)
    apply(accounts)
    const texts = accounts.texts()
    let changed = false
    for (const [name, mode] of FILES) {
      if (texts[name] === this.#texts[name]) continue
      const path = locate(this.#target, `/etc/${name}`)
      const there = await look(path)
      await replaceFile(
        path,
        async file => {
          await file.writeFile(texts[name])
          if (there !== undefined && this.#target.chown) await file.chown(there.uid, there.gid)
          await file.chmod(there === undefined ? mode : there.mode & 0o777)
        },
        { mode: 0o600 },
      )
      changed = true
    }
    this.#accounts = accounts
    this.#texts = texts
    return changed
  }

  async #makeHome({ path, uid, gid }: Home): Promise<void> {
    const place = locate(this.#target, path)
    if ((await look(place)) !== undefined) return
    await makeParents(path, this.#target)
    const skeleton = locate(this.#target, '/etc/skel')
    if ((await look(skeleton))?.isDirectory()) {
      await cp(skeleton, place, { recursive: true, verbatimSymlinks: true })
      for (const name of await readdir(place, { recursive: true }))
        if (this.#target.chown) await lchown(posix.join(place, name), uid, gid)
    } else {
      await mkdir(place)
    }
    await chmod(place, HOME_MODE)
    if (this.#target.chown) await chown(place, uid, gid)
    await syncDirectory(posix.dirname(place))
  }

  async #ownFolder(path: string, { uid, gid }: Owner): Promise<void> {
    const place = locate(this.#target, path)
    const there = await look(place)
    // A link of the user's own making would lead us, who may write anywhere, to another place.
    if (there?.isSymbolicLink()) throw new UserError(`${path} is a link; keys are put in no other folder`)
    if (there !== undefined) return
    await mkdir(place, { mode: HOME_MODE })
    if (this.#target.chown) await chown(place, uid, gid)
  }

  #userNumber(user: string): number {
    const found = this.#accounts.user(user)?.uid ?? numeric(user)
    if (found === undefined) throw new UserError(`there is no user '${user}'`)
    return found
  }

  #groupNumber(group: string): number {
    const found = this.#accounts.group(group) ?? numeric(group)
    if (found === undefined) throw new UserError(`there is no group '${group}'`)
    return found
  }
}

function numeric(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined
}
