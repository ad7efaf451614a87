import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseCommandLine } from '../cmdline.ts'
import { FACT_PATHS, type Facts } from '../source.ts'
import { readHint } from './files.ts'

const DMI = '/sys/class/dmi/id'
const VIRTIO = '/sys/bus/virtio/devices'
/** Hypervisors that the firmware names. */
const VIRTUAL = /qemu|kvm|bochs|vmware|virtualbox|innotek|\bxen\b|openstack|amazon ec2|virtual machine/i

/** Looks at a machine; what can not be read counts as not there. */
export async function gatherFacts(root = '/'): Promise<Facts> {
  const read = async (path: string) => ((await readHint(join(root, path))) ?? '').trim()
  const [commandLine, processor, vendor, product, productVersion] = await Promise.all([
    read('/proc/cmdline'),
    read('/proc/cpuinfo'),
    read(`${DMI}/sys_vendor`),
    read(`${DMI}/product_name`),
    read(`${DMI}/product_version`),
  ])
  const isXen = (await read('/sys/hypervisor/type')) !== ''
  return {
    commandLine: parseCommandLine(commandLine),
    paths: new Set(await existing(root)),
    vendor,
    product,
    productVersion,
    isVirtual: isXen || /^flags\s*:.*\bhypervisor\b/m.test(processor) || VIRTUAL.test(`${vendor} ${product}`),
    shares: await shares(root),
  }
}

async function existing(root: string): Promise<string[]> {
  const found = await Promise.all(
    FACT_PATHS.map(async path => {
      try {
        await access(join(root, path))
        return [path]
      } catch {
        return []
      }
    }),
  )
  return found.flat()
}

async function shares(root: string): Promise<string[]> {
  try {
    const devices = await readdir(join(root, VIRTIO))
    const tags = await Promise.all(devices.map(device => readHint(join(root, VIRTIO, device, 'mount_tag'))))
    // The kernel writes a zero byte behind a tag.
    return tags.map(tag => (tag ?? '').replace(/[\0\s]+$/, '')).filter(tag => tag !== '')
  } catch {
    return []
  }
}
