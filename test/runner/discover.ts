import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Which tests run together: `unit` needs nothing but this checkout; `vm` builds images and starts machines. */
export type Group = 'unit' | 'vm'

/** A test file by its path in the repository. */
export interface TestFile {
  path: string
  group: Group
}

/** Where tests are looked for. */
const FOLDERS = ['build', 'daemons', 'update-engine', 'test']
/** Tests that need the built image, the tools tree or the network, or all cores for themselves. */
const VM_FOLDERS = [
  'test/cli/',
  'test/cluster/',
  'test/compat/',
  'test/etcd/',
  'test/sim/campaign',
  'test/vm/',
]

/** Every `*.test.ts` of the repository, sorted, unit tests first. */
export async function findTests(root: string): Promise<TestFile[]> {
  const found: TestFile[] = []
  for (const folder of FOLDERS) {
    for (const path of await readdir(join(root, folder), { recursive: true }).catch(() => [])) {
      if (path.endsWith('.test.ts') && !path.includes('node_modules'))
        found.push(classify(`${folder}/${path}`))
    }
  }
  return found.toSorted((a, b) => compare(a.group, b.group) || compare(a.path, b.path))
}

/** The group of a test file, by the folder it stands in. */
export function classify(path: string): TestFile {
  return { path, group: VM_FOLDERS.some(folder => path.startsWith(folder)) ? 'vm' : 'unit' }
}

/** Keeps the files whose path contains one of the words; all when there are none. */
export function selectTests(files: readonly TestFile[], words: readonly string[]): TestFile[] {
  return files.filter(({ path }) => words.length === 0 || words.some(word => path.includes(word)))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
