import { askEc2, EC2_TOKEN, EC2_TOKEN_HEADER, EC2_TOKEN_LIFE, EC2_USER_DATA } from '../ec2.ts'
import { FetchError, type FetchOptions, fetchUrl } from './fetch.ts'
import { METADATA_BYTES_MAX, USER_DATA_BYTES_MAX } from './files.ts'
import { newReading, type Reading, readPart, readUserData, takeMetadata } from './reading.ts'

const UNAUTHORIZED = 401

/**
 * Asks a metadata service in the manner of EC2. It has a second version, which wants a token with every request; that
 * is taken when the first one is refused.
 *
 * @param base URL of the service, such as `http://169.254.169.254/`
 */
export async function readEc2(base: string, options: FetchOptions): Promise<Reading> {
  const service = new Service(base, options)
  const reading = newReading(base)
  await readUserData(reading, () => service.get(EC2_USER_DATA, USER_DATA_BYTES_MAX))
  // A service that can not be reached can not be reached for the rest either.
  if (reading.isBroken) return reading
  const rest = await readPart(reading, async () => {
    const questions = askEc2()
    let step = questions.next()
    while (!step.done) {
      const bytes = await service.get(step.value, METADATA_BYTES_MAX)
      step = questions.next(bytes && Buffer.from(bytes).toString('utf8'))
    }
    return step.value
  })
  if (rest === undefined) return reading
  takeMetadata(reading, rest.metadata)
  reading.problems.push(...rest.problems)
  return reading
}

class Service {
  readonly #base: string
  readonly #options: FetchOptions
  #token: string | undefined

  constructor(base: string, options: FetchOptions) {
    this.#base = base.replace(/\/*$/, '/')
    this.#options = options
  }

  /** What is at a path, or undefined when the service has nothing there (4xx). */
  async get(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    try {
      return await this.#get(path, bytesMax)
    } catch (error) {
      const status = error instanceof FetchError ? error.status : undefined
      if (status === UNAUTHORIZED && this.#token === undefined) {
        await this.#authorize()
        return await this.get(path, bytesMax)
      }
      if (status !== undefined && status >= 400 && status < 500 && status !== UNAUTHORIZED) return undefined
      throw error
    }
  }

  async #get(path: string, bytesMax: number): Promise<Uint8Array> {
    const headers = this.#token === undefined ? [] : [{ name: EC2_TOKEN_HEADER, value: this.#token }]
    return await fetchUrl(`${this.#base}${path}`, { ...this.#options, bytesMax, headers })
  }

  async #authorize(): Promise<void> {
    const token = await fetchUrl(`${this.#base}${EC2_TOKEN}`, {
      ...this.#options,
      method: 'PUT',
      headers: [EC2_TOKEN_LIFE],
      bytesMax: METADATA_BYTES_MAX,
    })
    this.#token = Buffer.from(token).toString('latin1').trim()
    if (!/^[\x21-\x7e]+$/.test(this.#token)) throw new FetchError(`${this.#base}${EC2_TOKEN}: is no token`)
  }
}
