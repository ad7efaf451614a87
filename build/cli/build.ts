import { Cache } from '../cache/cache.ts'
import { type Format, parseFormat } from '../formats/formats.ts'
import { type BuildResult, buildImage } from '../image.ts'
import type { Arguments, CliContext, Command } from './command.ts'
import { formatBytes } from './terminal.ts'

/** `orlop build`. */
export const buildCommand: Command = {
  name: 'build',
  summary: 'build the image',
  usage: '[--format raw|qcow2|vmdk]... [--both-slots] [--json]',
  flags: {
    format: {
      type: 'string',
      short: 'f',
      value: 'LIST',
      help: 'formats beside raw, separated by commas',
      default: 'raw',
    },
    'both-slots': { type: 'boolean', help: 'fill slot B too (for trying how a machine falls back)' },
    json: { type: 'boolean', help: 'paths, sizes and hashes as JSON' },
  },
  operands: { min: 0, max: 0 },
  examples: [
    ['npm run build', 'builds out/orlop-VERSION.raw, a sparse raw disk image'],
    ['npm run orlop -- build --format qcow2,vmdk', 'also for QEMU and for VirtualBox or VMware'],
  ],
  async run(parsed, context) {
    const formats = parsed.text('format')!.split(',').map(parseFormat)
    const result = await build(parsed, context, formats)
    if (parsed.set('json')) context.print(JSON.stringify(result))
    else printResult(result, context)
    return 0
  },
}

async function build(parsed: Arguments, context: CliContext, formats: Format[]): Promise<BuildResult> {
  return await buildImage({
    root: context.root,
    cache: await Cache.open(),
    out: context.out,
    progress: context.progress,
    signal: context.signal,
    formats: formats.filter(format => format !== 'raw'),
    bothSlots: parsed.set('both-slots'),
  })
}

function printResult(result: BuildResult, context: CliContext): void {
  for (const path of Object.values(result.images)) context.print(path)
  context.print(result.sbom)
  const { root, kernel, initrd } = result.sizes
  const parts = `root ${formatBytes(root)}, kernel ${formatBytes(kernel)}, initrd ${formatBytes(initrd)}`
  context.print(`version ${result.version}, ${parts}, root hash ${result.rootHash}`)
}
