/** What the kernel's command line says about the configuration of a machine. */
export interface CommandLine {
  /** From where the configuration is fetched; of several the last. */
  configUrl?: string
  /** `coreos.configdrive=`: whether one is looked for; absent: only in a virtual machine. */
  configDrive?: boolean
  /** `coreos.oem.id=`: the platform, when the machine does not say it by itself. */
  oemId?: string
  /** Each `sshkey="…"`, lines of authorized_keys for `core` (key set `proc-cmdline`). */
  sshKeys: string[]
  /** Each `coreos.autologin[=TTY]`; the empty name stands for all consoles. */
  autologin: string[]
  /** `coreos.first_boot=1`: the boot loader takes this for the first start. */
  firstBoot: boolean
}

/** The name of the set of keys of `core` that the command line gives. */
export const COMMAND_LINE_KEYS = 'proc-cmdline'

/** The kernel's own is 2 to 4 KiB (COMMAND_LINE_SIZE). */
const LINE_CHARACTERS_MAX = 64 * 1024
/** What the same argument is called by CoreOS, Ignition, Flatcar and here. */
const PREFIX = /^(coreos|ignition|flatcar|orlop)\./
const OFF = new Set(['0', 'no', 'off', 'false', 'n'])

/**
 * Reads /proc/cmdline. Arguments that are for others are passed over, and so is a value that is none of those an
 * argument takes.
 */
export function parseCommandLine(text: string): CommandLine {
  const line: CommandLine = { sshKeys: [], autologin: [], firstBoot: false }
  for (const word of splitWords(text.slice(0, LINE_CHARACTERS_MAX))) {
    const equals = word.indexOf('=')
    const name = (equals < 0 ? word : word.slice(0, equals)).replaceAll('_', '-')
    const value = equals < 0 ? undefined : word.slice(equals + 1)
    readArgument(line, name.replace(PREFIX, 'orlop.'), value)
  }
  return line
}

function readArgument(line: CommandLine, name: string, value: string | undefined): void {
  switch (name) {
    case 'cloud-config-url':
    case 'orlop.config.url':
      if (value) line.configUrl = value
      break
    case 'orlop.configdrive':
      if (value !== '') line.configDrive = isOn(value)
      break
    case 'orlop.oem.id':
    case 'orlop.platform.id':
      if (value) line.oemId = value
      break
    case 'sshkey':
      if (value?.trim()) line.sshKeys.push(value.trim())
      break
    case 'orlop.autologin':
      line.autologin.push(value ?? '')
      break
    case 'orlop.first-boot':
    case 'orlop.firstboot':
      line.firstBoot = isOn(value)
      break
  }
}

/** An argument without a value is on. */
function isOn(value: string | undefined): boolean {
  return value === undefined || !OFF.has(value.toLowerCase())
}

/**
 * Words between white space. Double quotes keep white space in a word, wherever in it they stand, and are gone
 * themselves (systemd reads the line like this; the kernel wants them at the begin of a value). One that is never
 * closed reaches to the end.
 */
export function splitWords(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let isQuoted = false
  for (const character of text) {
    if (character === '"') {
      isQuoted = !isQuoted
      word ??= ''
    } else if (!isQuoted && /[\s\0]/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      word = (word ?? '') + character
    }
  }
  if (word !== undefined) words.push(word)
  return words
}
