import type { Progress, Task } from '#lib/progress.ts'

/** Where progress is written: process.stderr or a test's collector. */
export interface Screen {
  write(text: string): void
  isTTY?: boolean | undefined
  columns?: number | undefined
}

const REDRAW_INTERVAL_MS = 100
const BAR_WIDTH = 24

/**
 * Progress for people: on a terminal a bar that is redrawn in place, in a log one line when a task ends.
 * `clock` gives milliseconds.
 */
export function terminalProgress(screen: Screen, clock: () => number): Progress {
  return screen.isTTY ? barProgress(screen, clock) : lineProgress(screen, clock)
}

function lineProgress(screen: Screen, clock: () => number): Progress {
  return {
    note: line => screen.write(`${line}\n`),
    begin: title => {
      const started = clock()
      let ended = false
      return {
        advance: () => undefined,
        end: summary => {
          if (ended) return
          ended = true
          screen.write(`${finishedLine(title, summary, clock() - started)}\n`)
        },
      }
    },
  }
}

interface Bar {
  title: string
  total: number | undefined
  unit: 'bytes' | 'items'
  done: number
  started: number
}

/** Running tasks are drawn on one line, the latest one; finished ones stay above it. */
function barProgress(screen: Screen, clock: () => number): Progress {
  const bars: Bar[] = []
  let drawnAt = 0
  const draw = (force: boolean) => {
    const now = clock()
    if (!force && now - drawnAt < REDRAW_INTERVAL_MS) return
    drawnAt = now
    const bar = bars.at(-1)
    screen.write(`\r\x1b[K${bar ? barLine(bar, now - bar.started).slice(0, (screen.columns ?? 80) - 1) : ''}`)
  }
  const keep = (line: string) => {
    screen.write(`\r\x1b[K${line}\n`)
    draw(true)
  }
  return {
    note: keep,
    begin: (title, options = {}): Task => {
      const bar: Bar = {
        title,
        total: options.total,
        unit: options.unit ?? 'items',
        done: 0,
        started: clock(),
      }
      bars.push(bar)
      draw(true)
      return {
        advance: amount => {
          bar.done += amount
          draw(false)
        },
        end: summary => {
          const at = bars.indexOf(bar)
          if (at < 0) return
          bars.splice(at, 1)
          keep(finishedLine(title, summary, clock() - bar.started))
        },
      }
    },
  }
}

function barLine(bar: Bar, elapsed: number): string {
  const amount = bar.unit === 'bytes' ? formatBytes(bar.done) : String(bar.done)
  if (bar.total === undefined || bar.total === 0)
    return `  ${bar.title} ${bar.done > 0 ? amount : ''} ${seconds(elapsed)}`
  const share = Math.min(1, bar.done / bar.total)
  const filled = Math.round(share * BAR_WIDTH)
  const total = bar.unit === 'bytes' ? formatBytes(bar.total) : String(bar.total)
  return `  ${bar.title} [${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${amount} of ${total}`
}

function finishedLine(title: string, summary: string | undefined, elapsed: number): string {
  return `  ${title}${summary ? `: ${summary}` : ''} (${seconds(elapsed)})`
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}

/** Bytes for people: `89.3 MB` (decimal units). */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`
}
