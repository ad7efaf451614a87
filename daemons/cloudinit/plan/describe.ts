import type { Content, Step } from './plan.ts'

/** One line on what a step makes so, for dry runs and logs. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'hostname':
      return `hostname ${step.name}`
    case 'group':
      return step.present ? `group ${step.name}${number(step.gid)}` : `no group ${step.name}`
    case 'user':
      return step.present ? describeUser(step) : `no user ${step.name}`
    case 'keys':
      return `${count(step.keys.length, 'key')} of ${step.user} in set ${step.set}`
    case 'filesystem':
      return `${step.format} on ${step.device}${step.label === undefined ? '' : ` labelled ${step.label}`}`
    case 'directory':
      return `directory ${step.path}${mode(step.mode)}${owner(step)}`
    case 'file': {
      const parts = [...(step.content === undefined ? [] : [step.content]), ...step.append]
      return `file ${step.path}${mode(step.mode)}${owner(step)}, ${parts.map(describeContent).join(' + ') || 'empty if missing'}`
    }
    case 'link':
      return `${step.hard ? 'hard link' : 'link'} ${step.path} to ${step.target}`
    case 'settings':
      return `in ${step.path}: ${step.values.map(({ name, value }) => `${name}=${value}`).join(' ')}`
    case 'unit':
      return describeUnit(step)
    case 'command':
      return `${step.verb} ${step.unit}`
    case 'script':
      return `script, ${count(step.content.length, 'byte')}`
  }
}

/** A step as a value for JSON: bytes become text, or base64 where they are none. */
export function stepJson(step: Step): Record<string, unknown> {
  return plain(step) as Record<string, unknown>
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value)
    const text = bytes.toString('utf8')
    return Buffer.from(text, 'utf8').equals(bytes) ? { text } : { base64: bytes.toString('base64') }
  }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
}

function describeUser(step: Extract<Step, { kind: 'user' }>): string {
  const groups = step.groups.length === 0 ? '' : ` in ${step.groups.join(',')}`
  const secret = step.passwordHash === undefined ? '' : ', with a password'
  return `user ${step.name}${number(step.uid)}${groups}${secret}`
}

function describeUnit(step: Extract<Step, { kind: 'unit' }>): string {
  const parts = [
    ...(step.content === undefined ? [] : ['written']),
    ...step.dropIns.map(({ name }) => `drop-in ${name}`),
    ...(step.mask === undefined ? [] : [step.mask ? 'masked' : 'unmasked']),
    ...(step.enable === undefined ? [] : [step.enable ? 'enabled' : 'disabled']),
  ]
  return `unit ${step.name}: ${parts.join(', ') || 'as it is'}${step.runtime ? ', until the next start' : ''}`
}

function describeContent(content: Content): string {
  return content.kind === 'inline' ? count(content.bytes.length, 'byte') : content.url
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function number(id: number | undefined): string {
  return id === undefined ? '' : ` (${id})`
}

function mode(bits: number | undefined): string {
  return bits === undefined ? '' : ` ${bits.toString(8).padStart(4, '0')}`
}

function owner({ user, group }: { user?: string; group?: string }): string {
  if (user === undefined && group === undefined) return ''
  return ` ${user ?? 'root'}:${group ?? 'root'}`
}
