import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from './client.ts'
import { type Names, normalise } from './normalise.ts'
import { type Answer, formatScript, type Item, parseScript, type Step, stepsOf } from './script.ts'

const FOLDER = join(import.meta.dirname, '../script')

/** A script with its name. */
export interface Script {
  name: string
  items: readonly Item[]
}

/** Every script, by name. */
export async function readScripts(): Promise<Script[]> {
  const names = (await readdir(FOLDER)).filter(name => name.endsWith('.txt')).toSorted()
  return await Promise.all(
    names.map(async name => ({ name, items: parseScript(await readFile(join(FOLDER, name), 'utf8'), name) })),
  )
}

/** Writes the answers of the original into a script, for one that is new. */
export async function recordScript(
  { name, items }: Script,
  answers: ReadonlyMap<Step, Answer>,
): Promise<void> {
  await writeFile(join(FOLDER, name), formatScript(items, answers))
}

/** Plays a script against a server; the answers are normalised. */
export async function play({ items }: Script, client: Client, names: Names): Promise<Map<Step, Answer>> {
  const answers = new Map<Step, Answer>()
  const fill = (text: string): string =>
    text.replaceAll('{client}', names.client).replaceAll('{peer}', names.peer)
  for (const step of stepsOf(items)) {
    const set = Object.entries(step.env).map(([name, value]) => [name, fill(value)])
    const env = { ETCDCTL_API: '2', ETCDCTL_ENDPOINTS: names.client, ...Object.fromEntries(set) }
    const answer = await client({ ...step, words: step.words.map(fill) }, env)
    answers.set(step, normalise(answer, names))
  }
  return answers
}
