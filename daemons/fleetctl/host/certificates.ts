import { readFile } from 'node:fs/promises'
import { describeFailure } from '#lib/errors.ts'
import { type ConnectOptions, Failure } from '../io.ts'

/** What the files of the flags hold; undefined where none is named. */
export async function readCertificates({
  caFile,
  certFile,
  keyFile,
}: ConnectOptions): Promise<{ ca: string | undefined; cert: string | undefined; key: string | undefined }> {
  return { ca: await read(caFile), cert: await read(certFile), key: await read(keyFile) }
}

async function read(path: string): Promise<string | undefined> {
  if (path === '') return undefined
  try {
    const text = await readFile(path, 'utf8')
    if (text.includes('-----BEGIN ')) return text
  } catch (error) {
    throw new Failure(`Unable to initialize client: ${describeFailure(error) ?? path}`)
  }
  throw new Failure(`Unable to initialize client: ${path} holds nothing in PEM form`)
}
