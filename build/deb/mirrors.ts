import { UserError } from '#lib/errors.ts'
import { parseStanzas } from './control.ts'

/** Where the two Debian archives are, without a trailing slash. */
export interface Mirrors {
  main: string
  security: string
  /** HTTP proxy to go through, as apt is told to. */
  proxy?: string
}

/** One line or stanza of apt's sources, as far as it concerns us. */
export interface Source {
  uris: string[]
  suites: string[]
  components: string[]
  /** The value of Signed-By, or ''. */
  signedBy: string
}

/** Where a user may name the archives, for hosts whose apt cannot tell or that have no apt. */
export const MIRROR_VARIABLES = {
  main: 'ORLOP_DEBIAN_MIRROR',
  security: 'ORLOP_DEBIAN_SECURITY_MIRROR',
} as const

// Releases and the names that move over them; third parties name their suites otherwise or lack a Debian key.
const DEBIAN_SUITES =
  /^(stretch|buster|bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)(-updates|-backports|-proposed-updates)?$/
const DEBIAN_SECURITY_SUITES = /^[a-z]+(-security|\/updates)$/

/** Parses a `*.sources` file (deb822). */
export function parseSources(text: string): Source[] {
  const words = (value: string | undefined) => (value ?? '').split(/\s+/).filter(word => word !== '')
  return parseStanzas(text)
    .filter(
      stanza => words(stanza.get('types')).includes('deb') && stanza.get('enabled')?.toLowerCase() !== 'no',
    )
    .map(stanza => ({
      uris: words(stanza.get('uris')),
      suites: words(stanza.get('suites')),
      components: words(stanza.get('components')),
      signedBy: stanza.get('signed-by') ?? '',
    }))
}

/** Parses a `*.list` file (one source a line, `deb [options] uri suite component…`). */
export function parseSourcesList(text: string): Source[] {
  const sources: Source[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line)
    if (match === null) continue
    const [, options = '', uri, suite, components] = match
    sources.push({
      uris: [uri!],
      suites: [suite!],
      components: components!.split(/\s+/).filter(word => word !== ''),
      signedBy: /signed-by=(\S+)/i.exec(options)?.[1] ?? '',
    })
  }
  return sources
}

/**
 * Chooses the archives from apt's sources, unless the environment names them.
 *
 * @throws UserError when neither tells
 */
export function chooseMirrors(
  sources: Source[],
  environment: Record<string, string | undefined>,
  proxy?: string,
): Mirrors {
  const main = fromEnvironment(environment, MIRROR_VARIABLES.main) ?? bestUri(sources, DEBIAN_SUITES)
  if (main === undefined) {
    throw new UserError(
      "cannot tell where Debian's archive is: apt's sources on this host name none",
      `set ${MIRROR_VARIABLES.main} and ${MIRROR_VARIABLES.security} to the base URLs of a Debian mirror ` +
        '(the folders that hold dists/ and pool/)',
    )
  }
  const security =
    fromEnvironment(environment, MIRROR_VARIABLES.security) ??
    bestUri(sources, DEBIAN_SECURITY_SUITES) ??
    // Mirrors keep the two side by side; a wrong guess ends in "not found", and signatures guard the rest.
    (/\/debian$/.test(main) ? `${main}-security` : undefined)
  if (security === undefined) {
    throw new UserError(
      "cannot tell where Debian's security archive is: apt's sources on this host name none",
      `set ${MIRROR_VARIABLES.security} to its base URL (the folder that holds dists/ and pool/)`,
    )
  }
  return { main, security, ...(proxy === undefined ? {} : { proxy }) }
}

/** The proxy for HTTP in apt's configuration files, or undefined. */
export function parseAptProxy(configuration: string): string | undefined {
  const text = configuration.replace(/^\s*(\/\/|#).*$/gm, '')
  const flat = /\bAcquire::http::Proxy\s+"([^"]*)"\s*;/i.exec(text)?.[1]
  const nested = /\bAcquire\s*\{[^}]*?\bhttp(?:::Proxy\s+|\s*\{[^}]*?\bProxy\s+)"([^"]*)"/i.exec(text)?.[1]
  const proxy = flat ?? nested
  return proxy === undefined || proxy === '' || proxy === 'DIRECT' ? undefined : proxy
}

function fromEnvironment(
  environment: Record<string, string | undefined>,
  variable: string,
): string | undefined {
  const value = environment[variable]
  if (!value) return undefined
  if (!isHttp(value))
    throw new UserError(`${variable} is '${value}'`, 'it must be a URL that starts with http:// or https://')
  return value.replace(/\/+$/, '')
}

/** The first URI of the source that looks most like Debian's own. */
function bestUri(sources: Source[], suites: RegExp): string | undefined {
  let best: { uri: string; score: number } | undefined
  for (const source of sources) {
    if (!source.components.includes('main') || !source.suites.some(suite => suites.test(suite))) continue
    const uri = source.uris.find(isHttp)?.replace(/\/+$/, '')
    if (uri === undefined) continue
    // Third parties use Debian's suite names too, but not its keys.
    const ownKey = source.signedBy === '' ? 1 : source.signedBy.includes('debian-archive') ? 2 : 0
    const ownFolder = /\/debian(-security)?$/.test(uri) ? 2 : 0
    const score = ownKey + ownFolder
    if (score > 0 && score > (best?.score ?? 0)) best = { uri, score }
  }
  return best?.uri
}

function isHttp(uri: string): boolean {
  return /^https?:\/\/[^/]/.test(uri)
}
