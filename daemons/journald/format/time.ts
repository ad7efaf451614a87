const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MICROS = 1_000_000n
const MINUTE_MS = 60_000

/** A time of day, taken apart. */
interface Parts {
  year: number
  month: number
  day: number
  weekday: number
  clock: string
  micros: string
  offsetMinutes: number
  zone: string
}

/** `Nov 14 22:13:20`, perhaps with microseconds. */
export function syslogTime(realtime: bigint, utc: boolean, isPrecise: boolean): string {
  const { month, day, clock, micros } = partsOf(realtime, utc)
  return `${MONTHS[month]} ${String(day).padStart(2, '0')} ${clock}${isPrecise ? `.${micros}` : ''}`
}

/** `2023-11-14T22:13:20+00:00`, perhaps with microseconds. */
export function isoTime(realtime: bigint, utc: boolean, isPrecise: boolean): string {
  const { year, month, day, clock, micros, offsetMinutes } = partsOf(realtime, utc)
  const minutes = Math.abs(offsetMinutes)
  const offset = `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
  return `${year}-${two(month + 1)}-${two(day)}T${clock}${isPrecise ? `.${micros}` : ''}${offset}`
}

/** `Tue 2023-11-14 22:13:20 UTC`, perhaps with microseconds. */
export function fullTime(realtime: bigint, utc: boolean, isPrecise: boolean): string {
  const { year, month, day, weekday, clock, micros, zone } = partsOf(realtime, utc)
  return `${DAYS[weekday]} ${year}-${two(month + 1)}-${two(day)} ${clock}${isPrecise ? `.${micros}` : ''} ${zone}`
}

/** Seconds since 1970, with microseconds. */
export function unixTime(realtime: bigint): string {
  return `${String(realtime / MICROS).padStart(10)}.${microsOf(realtime)}`
}

/** `[   12.345678]`: seconds since the boot. */
export function bootTime(monotonic: bigint): string {
  return `[${String(monotonic / MICROS).padStart(5)}.${microsOf(monotonic)}]`
}

function partsOf(realtime: bigint, utc: boolean): Parts {
  const instant = new Date(Number(realtime / 1000n))
  const offsetMinutes = utc ? 0 : -instant.getTimezoneOffset()
  // Read as UTC, it shows the local time.
  const at = new Date(instant.getTime() + offsetMinutes * MINUTE_MS)
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth(),
    day: at.getUTCDate(),
    weekday: at.getUTCDay(),
    clock: `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`,
    micros: microsOf(realtime),
    offsetMinutes,
    zone: utc ? 'UTC' : zoneOf(instant),
  }
}

function zoneOf(instant: Date): string {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' }).formatToParts(instant)
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC'
}

function microsOf(time: bigint): string {
  return String(time % MICROS).padStart(6, '0')
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
