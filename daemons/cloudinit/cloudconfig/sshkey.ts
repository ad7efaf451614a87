/** What a line of authorized_keys(5) is: options, type, the key in base64, a comment. */
const LINE =
  /^(?:[^"\s]+(?:"[^"]*"[^"\s]*)*[ \t]+)?((?:ssh|ecdsa|sk)-[a-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t].*)?$/
const LENGTH_BYTES = 4

/** Why a line is no public key that sshd takes; undefined when it is one. */
export function keyProblem(line: string): string | undefined {
  const [, type, base64] = LINE.exec(line) ?? []
  if (type === undefined || base64 === undefined) return 'is no public key of SSH'
  if (base64.length % 4 !== 0) return 'is a public key of SSH that was cut off'
  const fields = fieldsOf(Buffer.from(base64, 'base64'))
  if (fields === undefined || fields.length < 2) return 'is a public key of SSH that was cut off'
  if (fields[0] !== type) return `says ${type}, and is a key of another type`
  return type === 'ssh-dss' ? 'is of a type that sshd does not take any more' : undefined
}

/** Strings, each behind its length; undefined when they do not end where the bytes do. */
function fieldsOf(bytes: Buffer): string[] | undefined {
  const fields: string[] = []
  let at = 0
  while (at + LENGTH_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at)
    at += LENGTH_BYTES
    fields.push(bytes.toString('latin1', at, at + length))
    at += length
  }
  return at === bytes.length ? fields : undefined
}
