import { ClientAgent } from '#lib/http/host/client.ts'
import { ask, isAcknowledged } from '../../../cluster/lib/ask.ts'

/** Of every value. */
export const VALUE_BYTES = 256
const VALUE = 'x'.repeat(VALUE_BYTES)
const FILL_CONNECTIONS = 64
/** In one directory, so that none is very long. */
const DIRECTORY_KEYS = 1_000
const REQUEST_TIMEOUT_MS = 20_000

/** Writes the keys that loads read: `/bench/k0` and so on. */
export async function fillBench(url: string, count: number): Promise<void> {
  await fill(url, count, number => `/v2/keys/bench/k${number}`)
}

/** Writes many keys, a thousand in each directory. */
export async function fillMany(url: string, count: number): Promise<void> {
  await fill(url, count, number => `/v2/keys/fill/${Math.floor(number / DIRECTORY_KEYS)}/${number}`)
}

/** Writes a key, as `curl` would. Rejects when there is no answer within the time, or one that is no success. */
export async function put(url: string, key: string, value: string, timeoutMs: number): Promise<void> {
  const told = await ask(url, { method: 'PUT', path: `/v2/keys/${key}`, form: { value }, timeoutMs })
  if (!isAcknowledged(told)) throw new Error(`PUT ${key} was answered ${told.status} ${told.text}`)
}

async function fill(url: string, count: number, pathOf: (number: number) => string): Promise<void> {
  const agent = new ClientAgent({ socketsMax: FILL_CONNECTIONS })
  let next = 0
  const work = async () => {
    while (next < count) {
      const path = pathOf(next++)
      const form = { value: VALUE }
      const told = await ask(url, { method: 'PUT', path, form, agent, timeoutMs: REQUEST_TIMEOUT_MS })
      if (!isAcknowledged(told)) throw new Error(`PUT ${path} was answered ${told.status} ${told.text}`)
    }
  }
  try {
    await Promise.all(Array.from({ length: FILL_CONNECTIONS }, work))
  } finally {
    agent.close()
  }
}
