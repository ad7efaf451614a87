/**
 * A whole number that the environment may set.
 *
 * @throws Error when it is set to anything else
 */
export function numberOf(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const text = env[name]
  if (text === undefined || text === '') return otherwise
  if (!/^\d{1,10}$/.test(text)) throw new Error(`${name} is ${text}, not a whole number`)
  return Number(text)
}
