import { readFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'

/** The machine that numbers were measured on. No names: what it is, not whose. */
export interface HostFacts {
  cpu: string
  cores: number
  memoryMiB: number
  kernel: string
  accelerator: string
  node: string
  /** Load of the last minute before measuring began; much above 0 means that others worked there too. */
  loadBefore: number
}

/** Describes this machine. */
export async function describeHost(accelerator: string): Promise<HostFacts> {
  const processors = cpus()
  return {
    cpu: await processorName(processors[0]?.model),
    cores: processors.length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release().replace(/^(\d+\.\d+(\.\d+)?).*$/, '$1'),
    accelerator,
    node: process.versions.node,
    loadBefore: Math.round(loadavg()[0]! * 100) / 100,
  }
}

/** Some clouds hide the model's name; family and model say then what it is. */
async function processorName(name: string | undefined): Promise<string> {
  if (name !== undefined && name !== '' && name !== 'unknown') return name.trim()
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '')
  const field = (key: string) => new RegExp(`^${key}\\s*: (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '?'
  return `${field('vendor_id')} family ${field('cpu family')} model ${field('model')}`
}
