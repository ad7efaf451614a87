import type { Plan, Step } from './plan.ts'

/**
 * Several plans as one, in their order. What a later one says of the same thing counts: a machine has one name, and a
 * unit that is written twice would be changed twice at every boot.
 */
export function mergePlans(plans: readonly Plan[]): Plan {
  const last = new Map<string, Step>()
  const steps = plans.flatMap(plan => plan.steps)
  for (const step of steps) {
    const key = keyOf(step)
    if (key !== undefined) last.set(key, step)
  }
  return {
    steps: steps.filter(step => {
      const key = keyOf(step)
      return key === undefined || last.get(key) === step
    }),
  }
}

/** What a step is the only one of; undefined for those that add to each other. */
function keyOf(step: Step): string | undefined {
  switch (step.kind) {
    case 'hostname':
      return 'hostname'
    case 'file':
      return step.append.length > 0 ? undefined : `path ${step.path}`
    case 'directory':
    case 'link':
      return `path ${step.path}`
    case 'keys':
      return `keys ${step.user} ${step.set}`
    default:
      return undefined
  }
}
