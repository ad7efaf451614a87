import { UserError } from '#lib/errors.ts'

/** Bytes that an x86 kernel takes, COMMAND_LINE_SIZE less the end. */
export const COMMAND_LINE_BYTES = 2047

/** Reads `kernel-config/cmdline.json` into the words of the command line, in order. */
export function parseCommandLineWords(text: string, file: string): string[] {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new UserError(`${file}: not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!Array.isArray(data)) throw new UserError(`${file}: must be a list`)
  return data.map((item: unknown, index) => {
    const { word, why, ...rest } = (item ?? {}) as Record<string, unknown>
    const extra = Object.keys(rest)[0]
    if (extra !== undefined)
      throw new UserError(`${file}[${index}]: unknown key '${extra}'`, 'known keys: word, why')
    if (typeof why !== 'string' || why === '') throw new UserError(`${file}[${index}].why must be a sentence`)
    // What GRUB's script language would change is refused rather than quoted: no kernel parameter of ours needs it.
    if (typeof word !== 'string' || !/^[A-Za-z0-9_.,=:/+-]+$/.test(word)) {
      throw new UserError(`${file}[${index}].word must be one kernel parameter without spaces or quotes`)
    }
    return word
  })
}
