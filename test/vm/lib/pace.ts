/** When the runner ends this test file, milliseconds since 1970. A file that is run by itself has no end. */
const END = process.env['ORLOP_TEST_END']

/** Time until this test file has to be done. */
export function secondsLeft(): number {
  return END === undefined ? Number.POSITIVE_INFINITY : (Number(END) - Date.now()) / 1000
}

/** The same in the same order, but for the one that is first, which is another one in each run. */
export function rotate<T>(items: readonly T[]): T[] {
  const first = Math.floor(Math.random() * items.length)
  return [...items.slice(first), ...items.slice(0, first)]
}
