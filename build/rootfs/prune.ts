import { UserError } from '#lib/errors.ts'
import { expandBraces } from './glob.ts'
import { parseStrict } from './strict.ts'
import { parentOf, type Tree } from './tree.ts'

/** One rule of image/prune.json. */
export interface PruneRule {
  /** Patterns of what goes; a folder goes with all in it. */
  remove: string[]
  /** Patterns of what stays nevertheless; a folder stays with all in it. */
  keep: string[]
  reason: string
  /** Whether the rule may find nothing. */
  optional: boolean
}

/** Parses image/prune.json: `{ "rules": [{ "remove": […], "keep"?: […], "reason": "…", "optional"?: true }] }`. */
export function parsePruneRules(text: string, file: string): PruneRule[] {
  const top = parseStrict(text, file)
  const rules = top.objects('rules').map(item => {
    const rule = {
      remove: item.texts('remove'),
      keep: item.texts('keep', { optional: true }),
      reason: item.text('reason', /\S/, 'a reason'),
      optional: item.flag('optional'),
    }
    item.end()
    return rule
  })
  top.end()
  return rules
}

/**
 * Removes from the tree what the rules say, in their order, and then folders that this has emptied.
 *
 * @throws UserError when a pattern, or one of the choices in it, finds nothing: it is stale, or somebody mistyped it
 */
export function pruneTree(tree: Tree, rules: PruneRule[], file: string): void {
  const stale: string[] = []
  for (const rule of rules) {
    const find = (pattern: string) => {
      const found = tree.glob(pattern)
      if (found.length === 0 && !rule.optional) stale.push(`"${pattern}" (${rule.reason})`)
      return found
    }
    const kept = new Set(rule.keep.flatMap(expandBraces).flatMap(find))
    for (const pattern of rule.remove.flatMap(expandBraces))
      for (const path of find(pattern)) removeExcept(tree, path, kept)
  }
  if (stale.length === 0) return
  const verb = stale.length === 1 ? 'matches' : 'match'
  throw new UserError(
    `${file}: ${stale.join(', ')} ${verb} nothing in the packages`,
    'correct or remove the pattern, or mark the rule "optional": true',
  )
}

/** Removes a path but for what is kept below it; then the folders above that are empty now. */
function removeExcept(tree: Tree, path: string, kept: Set<string>): void {
  if (kept.has(path)) return
  const entry = tree.get(path)
  if (entry === undefined) return
  if (entry.type === 'directory')
    for (const child of tree.children(path)) removeExcept(tree, child.path, kept)
  if (tree.children(path).length > 0) return
  tree.remove(path)
  // a folder that lost its last entry would only puzzle: /usr/share/man without manuals
  for (let above = parentOf(path); above.includes('/'); above = parentOf(above)) {
    if (tree.children(above).length > 0) break
    tree.remove(above)
  }
}
