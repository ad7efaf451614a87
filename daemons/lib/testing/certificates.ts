import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Those that there are; their common names are in certificates/README.md. */
export type CertificateName = 'server' | 'client' | 'etcd' | 'guest' | 'unsigned'

/** A certificate of the tests, its key, and the authority that has signed all but `unsigned`: in PEM. */
export interface TestCertificate {
  cert: string
  key: string
  ca: string
}

/** A certificate for 127.0.0.1; fresh machines have no openssl to make one. */
export function testCertificate(name: CertificateName): TestCertificate {
  const read = (file: string) => readFileSync(join(import.meta.dirname, 'certificates', file), 'utf8')
  return { cert: read(`${name}.pem`), key: read(`${name}.key`), ca: read('authority.pem') }
}
