/**
 * A script of commands with what they must answer, one after the other against one fresh server:
 *
 * ```
 * # comment
 * $ set /a 'two words'       a command; words as in a shell, with ' and " quotes
 * $ ETCDCTL_PEERS={client} ls   with environment variables before it
 * $^3 watch --forever /a     a command that is interrupted (Ctrl-C) after three lines of output
 * < "text\n"                 what it reads, as JSON
 * > line                     a line of standard output; >| is one that ends without a line end
 * ! line                     a line of standard error; !| likewise
 * = 4                        its status, when it is not 0
 * ```
 *
 * `{client}` and `{peer}` stand for the URLs of the server, other words in braces for what `normalise` replaces.
 */
export interface Step {
  /** The line of the command, for messages and to write the script anew. */
  line: string
  env: Record<string, string>
  words: string[]
  input: string
  /** Lines of output after which the command is interrupted, or undefined. */
  interruptAfter: number | undefined
  expected: Answer
}

/** What a command answers. */
export interface Answer {
  out: string
  err: string
  status: number
}

/** A comment, an empty line, or a step. */
export type Item = string | Step

/** Reads a script. @throws Error naming the line that is none */
export function parseScript(text: string, name: string): Item[] {
  const items: Item[] = []
  let step: Step | undefined
  for (const [index, line] of text.replace(/\n$/, '').split('\n').entries()) {
    if (line === '' || line.startsWith('#')) {
      items.push(line)
      continue
    }
    const command = /^\$(?:\^(\d+))? (.*)$/.exec(line)
    if (command !== null) {
      step = parseCommand(line, command[2]!, command[1])
      items.push(step)
      continue
    }
    const [mark, rest] = [line.slice(0, 2), line.slice(2)]
    if (step === undefined) throw new Error(`${name}:${index + 1}: no command before this line`)
    if (mark === '> ' || line === '>') step.expected.out += `${rest}\n`
    else if (mark === '! ' || line === '!') step.expected.err += `${rest}\n`
    else if (mark === '>|') step.expected.out += rest
    else if (mark === '!|') step.expected.err += rest
    else if (mark === '= ') step.expected.status = Number(rest)
    else if (mark === '< ') step.input = String(JSON.parse(rest))
    else throw new Error(`${name}:${index + 1}: not a line of a script: ${line}`)
  }
  return items
}

/** Writes a script, with other answers when given. */
export function formatScript(items: readonly Item[], answers: ReadonlyMap<Step, Answer>): string {
  const lines = items.flatMap(item => {
    if (typeof item === 'string') return [item]
    const { out, err, status } = answers.get(item) ?? item.expected
    const input = item.input === '' ? [] : [`< ${JSON.stringify(item.input)}`]
    const end = status === 0 ? [] : [`= ${status}`]
    return [item.line, ...input, ...marked('>', out), ...marked('!', err), ...end]
  })
  return `${lines.join('\n')}\n`
}

/** The steps of a script. */
export function stepsOf(items: readonly Item[]): Step[] {
  return items.filter(item => typeof item !== 'string')
}

function parseCommand(line: string, text: string, lines: string | undefined): Step {
  const words = splitWords(text)
  const env: Record<string, string> = {}
  for (let pair = pairOf(words[0]); pair !== undefined; pair = pairOf(words[0])) {
    env[pair[0]] = pair[1]
    words.shift()
  }
  const interruptAfter = lines === undefined ? undefined : Number(lines)
  return { line, env, words, input: '', interruptAfter, expected: { out: '', err: '', status: 0 } }
}

function pairOf(word: string | undefined): [string, string] | undefined {
  const match = /^([A-Z_]+)=(.*)$/s.exec(word ?? '')
  return match === null ? undefined : [match[1]!, match[2]!]
}

/** Words as a shell splits them, of which only quotes are known; `\n` and such are not special. */
function splitWords(text: string): string[] {
  const parts = text.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
  return parts.map(part => part.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double))
}

function marked(mark: string, text: string): string[] {
  if (text === '') return []
  const lines = text.split('\n')
  const last = lines.pop()!
  const whole = lines.map(line => (`${mark} ${line}`.trimEnd() === mark ? mark : `${mark} ${line}`))
  return last === '' ? whole : [...whole, `${mark}|${last}`]
}
