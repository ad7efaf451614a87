const MEMORY = /^(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]?)(i?B?)$/i
const CPU = /^(\d{1,9}(?:\.\d{1,6})?)(m|%)?$/
const POWER: Readonly<Record<string, number>> = { '': 0, K: 1, M: 2, G: 3, T: 4 }

/** Bytes of `512M`, `1.5G`, `1048576`: units of 1024, as systemd reads them; undefined for what is no amount. */
export function parseMemory(text: string): number | undefined {
  const match = MEMORY.exec(text.trim())
  if (match === null) return undefined
  const bytes = Math.ceil(Number(match[1]) * 1024 ** POWER[match[2]!.toUpperCase()]!)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Thousandths of a core of `2`, `0.5`, `500m` or `50%`; undefined for what is no amount. */
export function parseCpu(text: string): number | undefined {
  const match = CPU.exec(text.trim())
  if (match === null) return undefined
  const scale = match[2] === 'm' ? 1 : match[2] === '%' ? 10 : 1000
  return Math.ceil(Number(match[1]) * scale)
}

/** Bytes for people: `512 MiB`. */
export function formatMemory(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let at = 0
  let value = bytes
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024
  return `${Number(value.toFixed(1))} ${units[at]}`
}
