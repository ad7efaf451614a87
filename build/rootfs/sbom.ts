import { createHash } from 'node:crypto'
import { type Lock, type LockedPackage, packagesOf } from '../deb/lock.ts'
import type { Recipe } from './recipe.ts'

/** Software inside the image that is no Debian package: what our binary is made of. */
export interface BundledSoftware {
  name: string
  version: string
  /** SPDX expression or NOASSERTION. */
  licence: string
  /** Package URL, such as `pkg:npm/openpgp@6.3.2`. */
  purl: string
}

/** Groups of the lock of which something is in the image. */
const SHIPPED_GROUPS = ['root', 'kernel', 'initrd']

/** What the document tells beyond the lock. */
export interface SbomFacts {
  recipe: Recipe
  /** Codename of the distribution, such as `trixie`. */
  distribution: string
  bundled: BundledSoftware[]
  /** Package → its copyright file in the image. */
  licences: Map<string, string>
}

/**
 * The bill of materials of an image as SPDX 2.3 JSON text. The same lock and facts give the same bytes: its date is
 * the lock's and its name space is made of its content.
 */
export function sbomText(lock: Lock, facts: SbomFacts): string {
  const names = new Set<string>()
  const debian = SHIPPED_GROUPS.filter(group => lock.groups[group] !== undefined)
    .flatMap(group => packagesOf(lock, group))
    .filter(item => !names.has(item.name) && names.add(item.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const image = {
    SPDXID: 'SPDXRef-Image',
    name: facts.recipe.id,
    versionInfo: facts.recipe.version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    primaryPackagePurpose: 'OPERATING-SYSTEM',
  }
  const packages = [
    image,
    ...debian.map(item => debianPackage(item, facts)),
    ...facts.bundled.toSorted((a, b) => (a.purl < b.purl ? -1 : 1)).map(bundledPackage),
  ]
  const digest = createHash('sha256').update(JSON.stringify(packages)).digest('hex')
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${facts.recipe.id}-${facts.recipe.version}`,
    documentNamespace: `urn:uuid:${uuidOf(digest)}`,
    creationInfo: {
      created: new Date(lock.date * 1000).toISOString().replace('.000Z', 'Z'),
      creators: [`Tool: ${facts.recipe.id}-image-builder`],
    },
    documentDescribes: [image.SPDXID],
    packages,
    relationships: packages.slice(1).map(item => ({
      spdxElementId: image.SPDXID,
      relationshipType: 'CONTAINS',
      relatedSpdxElement: item.SPDXID,
    })),
  }
  return `${JSON.stringify(document, null, 1)}\n`
}

function debianPackage(item: LockedPackage, facts: SbomFacts) {
  const licence = facts.licences.get(item.name)
  const qualifiers = `arch=${item.architecture}&distro=${facts.distribution}`
  return {
    SPDXID: `SPDXRef-deb-${spdxId(item.name)}`,
    name: item.name,
    versionInfo: item.version,
    packageFileName: item.path.slice(item.path.lastIndexOf('/') + 1),
    supplier: 'Organization: Debian',
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    checksums: [{ algorithm: 'SHA256', checksumValue: item.sha256 }],
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    ...(licence ? { licenseComments: `see /${licence}` } : {}),
    copyrightText: 'NOASSERTION',
    externalRefs: [
      purlReference(`pkg:deb/debian/${purlPart(item.name)}@${purlPart(item.version)}?${qualifiers}`),
    ],
  }
}

function bundledPackage(item: BundledSoftware) {
  return {
    SPDXID: `SPDXRef-bundled-${spdxId(item.name)}-${spdxId(item.version)}`,
    name: item.name,
    versionInfo: item.version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: item.licence,
    copyrightText: 'NOASSERTION',
    externalRefs: [purlReference(item.purl)],
  }
}

function purlReference(locator: string) {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: locator }
}

/** Percent-encoding of a package URL's parts: the colon stays, the plus does not. */
function purlPart(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':')
}

/** Identifiers may hold letters, digits, dots and dashes only. */
function spdxId(text: string): string {
  return text.replace(/[^A-Za-z0-9.-]/g, '-')
}

/** A version 8 UUID (made of custom data) from a hash. */
function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-')
}
