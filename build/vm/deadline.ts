/** A wait took longer than its bound. */
export class TimeoutError extends Error {
  override readonly name: string = 'TimeoutError'
}

/**
 * The promise, or a TimeoutError after `timeoutMs`. What is behind the promise goes on: the caller ends it.
 *
 * @param what completes the sentence "… did not happen within 5 s"
 */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const bound = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`${what}: not within ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    return await Promise.race([promise, bound])
  } finally {
    clearTimeout(timer)
  }
}
