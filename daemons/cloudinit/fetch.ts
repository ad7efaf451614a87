import type { Content, Plan, Remote, Step } from './plan/plan.ts'

/** What a plan points to, each once. */
export function remotesOf(plan: Plan): Remote[] {
  const found = new Map<string, Remote>()
  for (const content of plan.steps.flatMap(contentsOf))
    if (content.kind === 'remote') found.set(keyOf(content), content)
  return [...found.values()]
}

/** The plan with what was fetched in the place of what it points to. */
export function fillRemotes(plan: Plan, fetched: ReadonlyMap<Remote, Uint8Array>): Plan {
  const byKey = new Map([...fetched].map(([remote, bytes]) => [keyOf(remote), bytes]))
  const fill = (content: Content): Content => {
    const bytes = content.kind === 'remote' ? byKey.get(keyOf(content)) : undefined
    return bytes === undefined ? content : { kind: 'inline', bytes }
  }
  const steps = plan.steps.map((step): Step => {
    if (step.kind !== 'file') return step
    const { content, append } = step
    return { ...step, ...(content === undefined ? {} : { content: fill(content) }), append: append.map(fill) }
  })
  return { steps }
}

function contentsOf(step: Step): Content[] {
  if (step.kind !== 'file') return []
  return [...(step.content === undefined ? [] : [step.content]), ...step.append]
}

/** The same bytes under the same conditions are fetched once. */
function keyOf({ url, headers, compression, hash }: Remote): string {
  return JSON.stringify([url, headers, compression, hash ?? null])
}
