import { floatOf, integerOf, isNothing, truthOf } from './scalar.ts'
import type { Fields, Schema } from './schema.ts'
import type { View } from './view.ts'

/** A key of a section and its value, as a program reads it from its environment. */
export interface Setting {
  key: string
  value: string
}

/**
 * What is set in a section, in the order of its schema. Texts are what stands in the source, truths and numbers what
 * they mean: programs in Go take `true` and not `yes`. Nothing, zero and false count as not set, as in the original.
 */
export function settingsOf(section: View, fields: Fields): Setting[] {
  return Object.entries(fields).flatMap(([key, schema]) => {
    const value = settingOf(section, key, schema)
    return value === undefined ? [] : [{ key, value }]
  })
}

function settingOf(section: View, key: string, schema: Schema): string | undefined {
  const scalar = section.scalar(key)
  if (scalar === undefined || isNothing(scalar)) return undefined
  switch (schema.kind) {
    case 'text':
      return section.line(key)
    case 'bool': {
      const truth = truthOf(scalar)
      return truth === true || (truth === false && schema.keepFalse) ? String(truth) : undefined
    }
    case 'int':
      return nonZero(integerOf(scalar))
    case 'float':
      return nonZero(floatOf(scalar))
    default:
      return undefined
  }
}

function nonZero(number: number | undefined): string | undefined {
  return number === undefined || number === 0 ? undefined : String(number)
}
