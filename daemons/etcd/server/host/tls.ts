import { createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls'
import { replaceFile } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import type { TlsFiles } from '#lib/etcd/host/transport.ts'
import { makeCertificate } from '#lib/tls/certificate.ts'
import type { Config, TlsSettings } from '../../config/config.ts'
import { isEncrypted, parseTarget } from '../../config/urls.ts'
import type { PeerTls } from '../../peer/tls.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
const AUTO_DAYS = 365
const DAY_MS = 86_400_000
/** One of ours that ends sooner is made anew at a start. */
const FRESH_DAYS_MIN = 30
const SERIAL_BYTES = 16
/** Between two looks at the files of a certificate. */
const RELOAD_MS = 1_000

/** The paths of one port's certificate; undefined when it is plain. */
export interface CertificatePaths {
  cert: string
  key: string
}

/** What the files of one port hold. */
export interface Material {
  cert: Buffer
  key: Buffer
  ca: Buffer | undefined
  crl: Buffer | undefined
}

/**
 * Finds the certificate of a port, making one with `--auto-tls` that is kept below the data directory for as long as it
 * is good.
 *
 * @throws UserError when it can not be written
 */
export async function findCertificate(
  settings: TlsSettings,
  urls: readonly string[],
  folder: string,
): Promise<CertificatePaths | undefined> {
  if (settings.certFile !== '') return { cert: settings.certFile, key: settings.keyFile }
  if (!settings.autoTls || !urls.some(isEncrypted)) return undefined
  const paths = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  if (existsSync(paths.key) && isFresh(paths.cert)) return paths
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const now = Date.now()
  const certificate = makeCertificate(
    {
      commonName: 'etcd',
      organisation: 'etcd',
      hosts: [...new Set(urls.map(url => parseTarget(url).host))].filter(host => host !== ''),
      publicKey,
      serial: randomBytes(SERIAL_BYTES),
      notBeforeMs: now,
      notAfterMs: now + AUTO_DAYS * DAY_MS,
    },
    { commonName: 'etcd', organisation: 'etcd', key: privateKey },
  )
  await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  await replaceFile(paths.key, pem, { mode: FILE_MODE })
  await replaceFile(paths.cert, certificate, { mode: FILE_MODE })
  return paths
}

function isFresh(path: string): boolean {
  if (!existsSync(path)) return false
  try {
    return Date.parse(new X509Certificate(readFileSync(path)).validTo) > Date.now() + FRESH_DAYS_MIN * DAY_MS
  } catch {
    return false
  }
}

/**
 * Reads the files of a port.
 *
 * @throws UserError that names the file
 */
export function readMaterial(paths: CertificatePaths, settings: TlsSettings): Material {
  const material = {
    cert: readNamed(paths.cert),
    key: readNamed(paths.key),
    ca: settings.trustedCaFile === '' ? undefined : readNamed(settings.trustedCaFile),
    crl: settings.crlFile === '' ? undefined : readNamed(settings.crlFile),
  }
  const { cert, key, ca, crl } = material
  checkCertificate(cert, paths.cert)
  checkKey(key, paths.key)
  // Whoever trusts nothing by mistake would refuse everybody, without a word here.
  if (ca !== undefined) checkCertificate(ca, settings.trustedCaFile)
  tryMaterial({ cert, key }, `the key of ${paths.key} is not that of the certificate ${paths.cert}`)
  if (crl !== undefined)
    tryMaterial({ crl }, `${settings.crlFile} holds no list of revoked certificates in PEM`)
  return material
}

function checkCertificate(pem: Buffer, path: string): void {
  try {
    new X509Certificate(pem)
  } catch {
    throw new UserError(`${path} holds no certificate in PEM`)
  }
}

function checkKey(pem: Buffer, path: string): void {
  try {
    createPrivateKey(pem)
  } catch {
    throw new UserError(`${path} holds no private key in PEM, or one that needs a password`)
  }
}

function tryMaterial(options: SecureContextOptions, problem: string): void {
  try {
    createSecureContext(options)
  } catch (error) {
    const why = (error as Error).message.replace(/^error:[0-9A-F]+:/, '')
    throw new UserError(`${problem} (${why})`)
  }
}

/** What the peers' transport and port take. */
export function peerTlsOf(material: Material, { peerTls: settings, ciphers }: Config): PeerTls {
  const { cert, key, ca, crl } = material
  return {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    ...(crl === undefined ? {} : { crl }),
    ...(ciphers === '' ? {} : { ciphers }),
    clientCertAuth: settings.clientCertAuth,
    skipsVerification: settings.autoTls && settings.certFile === '',
    ...(settings.allowedCommonName === '' ? {} : { allowedCommonName: settings.allowedCommonName }),
    ...(settings.allowedHostname === '' ? {} : { allowedHostname: settings.allowedHostname }),
  }
}

/** What this process shows and trusts when it asks client ports of https. */
export function clientFilesOf({ clientTls }: Config, material: Material | undefined): TlsFiles | undefined {
  if (material === undefined && clientTls.trustedCaFile === '') return undefined
  const ca = clientTls.trustedCaFile === '' ? undefined : (material?.ca ?? readNamed(clientTls.trustedCaFile))
  return { ca: ca?.toString(), cert: material?.cert.toString(), key: material?.key.toString() }
}

/** Looks now and then whether the files of a port were exchanged, and hands over the new ones; until `close`. */
export class CertificateWatch {
  readonly #timer: NodeJS.Timeout
  #version: string

  /** @param changed called with what new files hold; while they cannot be read, the old ones go on */
  constructor(
    paths: CertificatePaths,
    settings: TlsSettings,
    changed: (material: Material) => void,
    log: (line: string) => void,
  ) {
    const files = [paths.cert, paths.key, settings.trustedCaFile, settings.crlFile].filter(
      file => file !== '',
    )
    this.#version = versionOf(files)
    this.#timer = setInterval(() => {
      const found = versionOf(files)
      if (found === this.#version) return
      this.#version = found
      try {
        changed(readMaterial(paths, settings))
        log(`${paths.cert} has changed and is used from now on`)
      } catch (error) {
        log(`${paths.cert} has changed and cannot be used: ${(error as Error).message}`)
      }
    }, RELOAD_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

function versionOf(files: readonly string[]): string {
  let version = ''
  for (const path of files) {
    const stat = statSync(path, { throwIfNoEntry: false })
    version += `${stat?.ino} ${stat?.size} ${stat?.mtimeMs} `
  }
  return version
}

/** Of the listening side of the client port. */
export function clientPortOptions(material: Material, { clientTls, ciphers }: Config): TlsOptions {
  const asks = clientTls.clientCertAuth
  return {
    ...defined(material),
    ...(ciphers === '' ? {} : { ciphers }),
    requestCert: asks,
    rejectUnauthorized: asks,
  }
}

/** What `node:tls` takes. */
function defined({ cert, key, ca, crl }: Material): SecureContextOptions {
  return { cert, key, ...(ca === undefined ? {} : { ca }), ...(crl === undefined ? {} : { crl }) }
}

function readNamed(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new UserError(`open ${path}: no such file or directory`)
    throw new UserError(`open ${path}: ${(error as Error).message}`)
  }
}
