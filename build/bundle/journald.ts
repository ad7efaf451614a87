import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Folder of the package in the repository. */
const FOLDER = 'daemons/journald'

/**
 * Makes what `npm publish` takes of the package systemd-journald-ts: JavaScript with its types. Its sources are not
 * published, because Node runs TypeScript only outside of node_modules.
 *
 * @param out a folder, which is made anew
 */
export async function packJournald(root: string, out: string): Promise<void> {
  const sources = join(root, FOLDER)
  await rm(out, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: sources,
      outDir: '.',
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [],
    files: [join(sources, 'mod.ts')],
  }
  const configFile = join(out, 'tsconfig.json')
  await writeFile(configFile, JSON.stringify(config))
  await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', configFile])
  await rm(configFile)
  // Private are the sources only, lest they be published by mistake.
  const { private: _, ...manifest } = JSON.parse(await readFile(join(sources, 'package.json'), 'utf8'))
  manifest.exports = { '.': { types: './mod.d.ts', default: './mod.js' } }
  await writeFile(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  await cp(join(sources, 'README.md'), join(out, 'README.md'))
  await cp(join(root, 'LICENSE'), join(out, 'LICENSE'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(import.meta.dirname, '../..')
  const out = join(process.env['ORLOP_OUT'] ?? join(root, 'out'), 'systemd-journald-ts')
  await packJournald(root, out)
  process.stdout.write(`${out}\n`)
}
