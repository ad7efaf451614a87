import { UserError } from '#lib/errors.ts'
import type { GroupStep, UserStep } from '../plan/plan.ts'

/** The four files of accounts below /etc, as texts. */
export interface AccountTexts {
  passwd: string
  shadow: string
  group: string
  gshadow: string
}

/** A directory that a new account begins with. */
export interface Home {
  path: string
  uid: number
  gid: number
}

/** Numbers that `useradd` takes by itself: accounts of people upwards, of the system downwards (login.defs(5)). */
const PEOPLE_MIN = 1000
const PEOPLE_MAX = 60_000
const SYSTEM_MIN = 101
const SYSTEM_MAX = 999
/** What may stand in a name (useradd(8)); it is a part of paths as well. */
const NAME = /^[a-z_][a-z0-9_-]{0,30}\$?$/i
const COLON_OR_LINE = /[:\n\r\0]/
const PASSWD_FIELDS = 7
const SHADOW_FIELDS = 9
const GROUP_FIELDS = 4
const GSHADOW_FIELDS = 4
/** The group of those who have none of their own (adduser's and Ignition's `users`). */
const COMMON_GROUP = 'users'

/**
 * The accounts of a machine, as a function of texts: given the files and what is to be so, it gives the files after
 * that, which are the same when it was so already. `useradd` can not say what it would do, and needs a lock, a shell
 * and a tenth of a second each time.
 */
export class Accounts {
  readonly #passwd: Table
  readonly #shadow: Table
  readonly #group: Table
  readonly #gshadow: Table
  /** Days from 1970 to today, the date of passwords that are set now. */
  readonly #today: number

  constructor(texts: AccountTexts, today: number) {
    this.#passwd = new Table(texts.passwd, PASSWD_FIELDS)
    this.#shadow = new Table(texts.shadow, SHADOW_FIELDS)
    this.#group = new Table(texts.group, GROUP_FIELDS)
    this.#gshadow = new Table(texts.gshadow, GSHADOW_FIELDS)
    this.#today = today
  }

  /** The files as they are to be. */
  texts(): AccountTexts {
    return {
      passwd: this.#passwd.text(),
      shadow: this.#shadow.text(),
      group: this.#group.text(),
      gshadow: this.#gshadow.text(),
    }
  }

  /** Number and home of an account; undefined when there is none of that name. */
  user(name: string): { uid: number; gid: number; home: string } | undefined {
    const row = this.#passwd.get(name)
    return row && { uid: Number(row[2]), gid: Number(row[3]), home: row[5]! }
  }

  /** Number of a group, by its name. */
  group(name: string): number | undefined {
    const row = this.#group.get(name)
    return row && Number(row[2])
  }

  /**
   * Makes a group be, or not be, what the step says.
   *
   * @throws UserError when its name or number can not be had
   */
  applyGroup(step: GroupStep): void {
    checkName('group', step.name)
    if (!step.present) {
      this.#group.delete(step.name)
      this.#gshadow.delete(step.name)
      return
    }
    const row = this.#group.get(step.name)
    if (row === undefined) this.#addGroup(step.name, step.gid, step.system)
    else if (step.gid !== undefined && Number(row[2]) !== step.gid)
      throw new UserError(`group ${step.name} has number ${row[2]}, which can not become ${step.gid}`)
    if (step.passwordHash !== undefined) {
      checkField(`password of group ${step.name}`, step.passwordHash)
      this.#gshadow.set(step.name, replaced(this.#gshadow.get(step.name)!, 1, step.passwordHash))
    }
  }

  /**
   * Makes an account be, or not be, what the step says, and tells of a home to be made.
   *
   * @throws UserError when its name, number or a group of it can not be had
   */
  applyUser(step: UserStep): Home | undefined {
    checkName('user', step.name)
    for (const text of [step.passwordHash, step.gecos, step.home, step.shell])
      if (text !== undefined) checkField(`user ${step.name}`, text)
    const row = this.#passwd.get(step.name)
    if (!step.present) this.#remove(step.name)
    else if (row === undefined) return this.#add(step)
    else this.#change(step, row)
    return undefined
  }

  #add(step: UserStep): Home | undefined {
    const { name } = step
    // Looked up before anything is changed: an account is made whole or not at all.
    for (const group of step.groups) this.#needGroup(name, group)
    const uid = step.uid ?? this.#freeNumber(step.system)
    const holder = this.#passwd.find(row => Number(row[2]) === uid)
    if (holder !== undefined) throw new UserError(`user ${name}: number ${uid} is that of ${holder[0]}`)
    const gid = this.#primaryGroup(step, uid)
    const home = step.home ?? `/home/${name}`
    const shell = step.shell ?? '/bin/bash'
    this.#passwd.set(name, [name, 'x', String(uid), String(gid), step.gecos ?? '', home, shell])
    this.#setPassword(name, step.passwordHash ?? '*')
    this.#join(name, step.groups)
    return step.createHome ? { path: home, uid, gid } : undefined
  }

  #primaryGroup(step: UserStep, uid: number): number {
    const { name, primaryGroup, ownGroup } = step
    if (primaryGroup !== undefined) return this.#needGroup(name, primaryGroup)
    if (!ownGroup) return this.#needGroup(name, COMMON_GROUP)
    const existing = this.#group.get(name)
    if (existing !== undefined) return Number(existing[2])
    // The same number as the account's, as people expect, unless another group has it.
    const taken = this.#group.find(row => Number(row[2]) === uid) !== undefined
    return this.#addGroup(name, taken ? undefined : uid, step.system)
  }

  #change(step: UserStep, row: readonly string[]): void {
    const { name, passwordHash } = step
    if (passwordHash !== undefined) this.#setPassword(name, passwordHash)
    if (step.existing === 'credentials') return
    for (const group of step.groups) this.#needGroup(name, group)
    if (step.uid !== undefined && Number(row[2]) !== step.uid)
      throw new UserError(`user ${name} has number ${row[2]}, which can not become ${step.uid}`)
    const gid = step.primaryGroup === undefined ? row[3]! : String(this.#needGroup(name, step.primaryGroup))
    const { gecos = row[4]!, home = row[5]!, shell = row[6]! } = step
    this.#passwd.set(name, [name, row[1]!, row[2]!, gid, gecos, home, shell])
    this.#join(name, step.groups)
  }

  #remove(name: string): void {
    this.#passwd.delete(name)
    this.#shadow.delete(name)
    for (const [table, field] of [
      [this.#group, 3],
      [this.#gshadow, 3],
    ] as const)
      for (const row of table.rows())
        if (members(row[field]).includes(name))
          table.set(
            row[0]!,
            replaced(
              row,
              field,
              members(row[field])
                .filter(one => one !== name)
                .join(),
            ),
          )
    // As userdel(8) does: a group of that very name goes with its last member.
    const own = this.#group.get(name)
    if (own === undefined || own[3] !== '') return
    this.#group.delete(name)
    this.#gshadow.delete(name)
  }

  #setPassword(name: string, hash: string): void {
    const row = this.#shadow.get(name)
    if (row?.[1] === hash) return
    const today = String(this.#today)
    const fresh = [name, hash, today, '0', '99999', '7', '', '', '']
    this.#shadow.set(name, row === undefined ? fresh : replaced(replaced(row, 1, hash), 2, today))
  }

  #join(name: string, groups: readonly string[]): void {
    for (const group of groups) {
      for (const table of [this.#group, this.#gshadow]) {
        const row = table.get(group)
        if (row === undefined || members(row[3]).includes(name)) continue
        table.set(group, replaced(row, 3, [...members(row[3]), name].join()))
      }
    }
  }

  #needGroup(user: string, group: string): number {
    const byName = this.#group.get(group)
    const row = byName ?? (/^\d+$/.test(group) ? this.#group.find(row => row[2] === group) : undefined)
    if (row === undefined) throw new UserError(`user ${user}: there is no group '${group}'`)
    return Number(row[2])
  }

  #addGroup(name: string, wanted: number | undefined, system: boolean): number {
    const gid = wanted ?? this.#freeNumber(system)
    const holder = this.#group.find(row => Number(row[2]) === gid)
    if (holder !== undefined) throw new UserError(`group ${name}: number ${gid} is that of ${holder[0]}`)
    this.#group.set(name, [name, 'x', String(gid), ''])
    this.#gshadow.set(name, [name, '!', '', ''])
    return gid
  }

  /** A number that neither an account nor a group has. */
  #freeNumber(system: boolean): number {
    const taken = new Set([...this.#passwd.rows(), ...this.#group.rows()].map(row => Number(row[2])))
    if (system) {
      for (let number = SYSTEM_MAX; number >= SYSTEM_MIN; number--) if (!taken.has(number)) return number
    } else {
      for (let number = PEOPLE_MIN; number <= PEOPLE_MAX; number++) if (!taken.has(number)) return number
    }
    throw new UserError(`no number is free for another ${system ? 'system account' : 'account'}`)
  }
}

function members(field: string | undefined): string[] {
  return (field ?? '').split(',').filter(name => name !== '')
}

function replaced(row: readonly string[], field: number, value: string): string[] {
  return row.map((old, index) => (index === field ? value : old))
}

function checkName(what: string, name: string): void {
  if (!NAME.test(name))
    throw new UserError(`${what} '${name}': a name is a letter or _, then letters, digits, _ and -`)
}

function checkField(what: string, value: string): void {
  if (COLON_OR_LINE.test(value))
    throw new UserError(`${what}: '${value}' has a colon or the end of a line in it`)
}

/** Lines of fields with colons between; lines that are none are kept where they are. */
class Table {
  readonly #lines: string[]
  readonly #fields: number
  readonly #places = new Map<string, number>()

  constructor(text: string, fields: number) {
    this.#lines = text.split('\n')
    if (this.#lines.at(-1) === '') this.#lines.pop()
    this.#fields = fields
    for (const [index, line] of this.#lines.entries()) {
      const row = this.#row(line)
      // The first one counts, as it does for those who look names up.
      if (row !== undefined && !this.#places.has(row[0]!)) this.#places.set(row[0]!, index)
    }
  }

  get(name: string): readonly string[] | undefined {
    const place = this.#places.get(name)
    return place === undefined ? undefined : this.#row(this.#lines[place]!)
  }

  set(name: string, row: readonly string[]): void {
    const place = this.#places.get(name) ?? this.#lines.length
    this.#lines[place] = row.join(':')
    this.#places.set(name, place)
  }

  delete(name: string): void {
    const place = this.#places.get(name)
    if (place === undefined) return
    this.#lines.splice(place, 1)
    this.#places.delete(name)
    for (const [other, index] of this.#places) if (index > place) this.#places.set(other, index - 1)
  }

  find(test: (row: readonly string[]) => boolean): readonly string[] | undefined {
    return this.rows().find(test)
  }

  rows(): (readonly string[])[] {
    return [...this.#places.values()].map(place => this.#row(this.#lines[place]!)!)
  }

  text(): string {
    return this.#lines.map(line => `${line}\n`).join('')
  }

  #row(line: string): string[] | undefined {
    const row = line.split(':')
    return row.length === this.#fields && row[0] !== '' ? row : undefined
  }
}
