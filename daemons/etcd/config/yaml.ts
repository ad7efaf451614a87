import { parse } from 'yaml'
import { UserError } from '#lib/errors.ts'

/**
 * Reads YAML into plain values. The only place that knows which library does it.
 *
 * @throws UserError with the place of what is wrong
 */
export async function readYaml(text: string, file: string): Promise<unknown> {
  try {
    return parse(text) as unknown
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new UserError(`${file}: ${line}`)
  }
}
