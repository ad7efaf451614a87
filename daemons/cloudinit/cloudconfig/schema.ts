import { ETCD, ETCD2, FLANNEL, FLEET, LOCKSMITH } from './sections.ts'

/** What a key takes. */
export type Schema = (TextSchema | BoolSchema | NumberSchema | ListSchema | MapSchema) & {
  /** Why it should not be used any more. */
  deprecated?: string
  /** Why it is not carried out: it is an error to have it. */
  refused?: string
}

/** A text as it stands in the source. */
export interface TextSchema {
  kind: 'text'
  /** What it must look like. */
  pattern?: RegExp
  /** What it must be one of. */
  words?: readonly string[]
  /** Whether it may have more than one line. */
  lines?: true
}

/** Yes or no. */
export interface BoolSchema {
  kind: 'bool'
  /** Whether `false` says something: it is not what the program takes by itself. */
  keepFalse?: true
}

/** A number. */
export interface NumberSchema {
  kind: 'int' | 'float'
}

/** A list. */
export interface ListSchema {
  kind: 'list'
  of: Schema
}

/** A map with fixed keys. */
export interface MapSchema {
  kind: 'map'
  fields: Fields
}

/** Keys of a map, each with `_`. */
export type Fields = Readonly<Record<string, Schema>>

const text: Schema = { kind: 'text' }
const lines: Schema = { kind: 'text', lines: true }
const bool: Schema = { kind: 'bool' }
const texts: Schema = { kind: 'list', of: { kind: 'text', lines: true } }

function list(fields: Fields): Schema {
  return { kind: 'list', of: { kind: 'map', fields } }
}

const map = (fields: Fields): Schema => ({ kind: 'map', fields })

const ENCODINGS = ['b64', 'base64', 'gz', 'gzip', 'gz+b64', 'gz+base64', 'gzip+b64', 'gzip+base64']
const VERBS = [
  'start',
  'stop',
  'restart',
  'reload',
  'try-restart',
  'reload-or-restart',
  'reload-or-try-restart',
]
/** A name or a number of a user, of a group, or of both. */
const OWNER = /^([A-Za-z_][\w.-]*\$?|\d+)?(:([A-Za-z_][\w.-]*\$?|\d+)?)?$/
const FETCHED: Schema = {
  kind: 'text',
  refused: 'keys are fetched from nowhere, put them into ssh_authorized_keys',
}

const USER: Fields = {
  name: text,
  passwd: text,
  ssh_authorized_keys: texts,
  coreos_ssh_import_github: FETCHED,
  coreos_ssh_import_github_users: { ...FETCHED, kind: 'list', of: text },
  coreos_ssh_import_url: FETCHED,
  gecos: text,
  homedir: text,
  no_create_home: bool,
  primary_group: text,
  groups: { kind: 'list', of: text },
  no_user_group: bool,
  system: bool,
  no_log_init: bool,
  shell: text,
}

const FILE: Fields = {
  path: text,
  content: lines,
  permissions: { kind: 'text', pattern: /^0?[0-7]{3,4}$/ },
  owner: { kind: 'text', pattern: OWNER },
  encoding: { kind: 'text', words: ENCODINGS },
}

const UNIT: Fields = {
  name: text,
  content: lines,
  command: { kind: 'text', words: VERBS },
  enable: bool,
  runtime: bool,
  mask: bool,
  drop_ins: list({ name: text, content: lines }),
}

const UPDATE: Fields = {
  // A YAML that a program has written has `false` where somebody wrote `off`.
  reboot_strategy: { kind: 'text', words: ['etcd-lock', 'reboot', 'off', 'best-effort', 'false'] },
  group: text,
  server: text,
}

const OEM: Fields = { id: text, name: text, version_id: text, home_url: text, bug_report_url: text }

const COREOS: Fields = {
  etcd: { ...map(ETCD), deprecated: 'it is of etcd 0.4: what has a flag of today is translated; use etcd2' },
  etcd2: map(ETCD2),
  fleet: map(FLEET),
  flannel: map(FLANNEL),
  locksmith: map(LOCKSMITH),
  update: map(UPDATE),
  oem: map(OEM),
  units: list(UNIT),
}

/** A whole cloud-config (specification f.3, f.4). */
export const CLOUD_CONFIG: MapSchema = {
  kind: 'map',
  fields: {
    hostname: text,
    ssh_authorized_keys: texts,
    users: list(USER),
    write_files: list(FILE),
    manage_etc_hosts: { kind: 'text', words: ['localhost'] },
    once: bool,
    coreos: map(COREOS),
  },
}
