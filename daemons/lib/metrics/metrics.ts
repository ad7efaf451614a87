/**
 * Numbers that a program keeps of itself, and their text for Prometheus (exposition format 0.0.4). Counting costs an
 * addition; the text is made when somebody asks.
 */

/** Type of the text, for `Content-Type`. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Names and values that tell series of one metric apart. */
export type Labels = Readonly<Record<string, string>>

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

/** Anything that has a text. */
interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  lines(): string[]
}

/** All metrics of a program. */
export class Metrics {
  readonly #metrics = new Map<string, Metric>()

  /** A number that only grows. */
  counter(name: string, help: string): Counter {
    return this.#add(new Counter(name, help))
  }

  /** A number that is asked for when the text is made; what gives undefined is left out. */
  gauge(name: string, help: string, read: () => number | undefined, labels: Labels = {}): void {
    this.#add(new Gauge(name, help, 'gauge', () => one(read(), labels)))
  }

  /** As `gauge`, of a number that only grows and is counted elsewhere. */
  total(name: string, help: string, read: () => readonly Sample[]): void {
    this.#add(new Gauge(name, help, 'counter', read))
  }

  /** As `gauge`, with a value for each set of labels. */
  gauges(name: string, help: string, read: () => readonly Sample[]): void {
    this.#add(new Gauge(name, help, 'gauge', read))
  }

  /** How often values fell below each of the bounds, which ascend. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(new Histogram(name, help, bounds))
  }

  /** As `histogram`, one for each set of labels. */
  histograms(name: string, help: string, bounds: readonly number[]): HistogramFamily {
    return this.#add(new HistogramFamily(name, help, bounds))
  }

  /** The text, by the names of the metrics. */
  text(): string {
    const names = [...this.#metrics.keys()].toSorted()
    return names.map(name => describe(this.#metrics.get(name)!)).join('')
  }

  #add<T extends Metric>(metric: T): T {
    if (!NAME.test(metric.name)) throw new RangeError(`${metric.name} is no name of a metric`)
    if (this.#metrics.has(metric.name)) throw new RangeError(`there are two metrics ${metric.name}`)
    this.#metrics.set(metric.name, metric)
    return metric
  }
}

/** A value with its labels. */
export interface Sample {
  labels: Labels
  value: number
}

/** A number that only grows, one for each set of labels. */
export class Counter implements Metric {
  readonly name: string
  readonly help: string
  readonly type = 'counter'
  readonly #values = new Map<string, number>()

  constructor(name: string, help: string) {
    this.name = name
    this.help = help
  }

  /** @param labels as `labelText` writes them: made once where it is counted often */
  add(count = 1, labels = ''): void {
    this.#values.set(labels, (this.#values.get(labels) ?? 0) + count)
  }

  lines(): string[] {
    return [...this.#values].map(([labels, value]) => `${this.name}${labels} ${number(value)}`).toSorted()
  }
}

class Gauge implements Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly #read: () => readonly Sample[]

  constructor(name: string, help: string, type: 'counter' | 'gauge', read: () => readonly Sample[]) {
    this.name = name
    this.help = help
    this.type = type
    this.#read = read
  }

  lines(): string[] {
    return this.#read().map(({ labels, value }) => `${this.name}${labelText(labels)} ${number(value)}`)
  }
}

/** How often values fell below bounds. */
export class Histogram implements Metric {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly #bounds: readonly number[]
  /** By the first bound that is not below; the last for what is above all. */
  readonly #counts: number[]
  readonly #labels: Labels
  #sum = 0

  constructor(name: string, help: string, bounds: readonly number[], labels: Labels = {}) {
    this.#labels = labels
    if (bounds.some((bound, at) => at > 0 && bound <= bounds[at - 1]!))
      throw new RangeError(`the bounds of ${name} do not ascend`)
    this.name = name
    this.help = help
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at += 1
    this.#counts[at]! += 1
    this.#sum += value
  }

  /** Nothing was observed. */
  get isEmpty(): boolean {
    return this.#counts.every(count => count === 0)
  }

  lines(): string[] {
    const labels = this.#labels
    const own = labelText(labels)
    let count = 0
    const buckets = this.#counts.map((more, at) => {
      count += more
      const bound = this.#bounds[at]
      const le = bound === undefined ? '+Inf' : number(bound)
      return `${this.name}_bucket${labelText({ ...labels, le })} ${count}`
    })
    return [...buckets, `${this.name}_sum${own} ${number(this.#sum)}`, `${this.name}_count${own} ${count}`]
  }
}

/** Histograms of one name, told apart by their labels. */
export class HistogramFamily implements Metric {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly #bounds: readonly number[]
  readonly #members = new Map<string, Histogram>()

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.#bounds = bounds
  }

  /** The one with these labels; made once where it is counted often. */
  of(labels: Labels): Histogram {
    const text = labelText(labels)
    const known = this.#members.get(text)
    if (known !== undefined) return known
    const made = new Histogram(this.name, this.help, this.#bounds, labels)
    this.#members.set(text, made)
    return made
  }

  /** Of those that have seen something. */
  lines(): string[] {
    return [...this.#members.values()].filter(({ isEmpty }) => !isEmpty).flatMap(member => member.lines())
  }
}

/** Labels as they stand behind a name; '' for none. */
export function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function describe(metric: Metric): string {
  const lines = metric.lines()
  if (lines.length === 0) return ''
  const help = metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return `# HELP ${metric.name} ${help}\n# TYPE ${metric.name} ${metric.type}\n${lines.join('\n')}\n`
}

function one(value: number | undefined, labels: Labels): readonly Sample[] {
  return value === undefined ? [] : [{ labels, value }]
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** As Go prints a float: `1e+06` for a million, so that tools that compare texts see what they know. */
function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  const size = Math.abs(value)
  if (size === 0 || (size >= 1e-4 && size < 1e21 && (!Number.isInteger(value) || size < 1e6)))
    return String(value)
  const [digits, exponent = '+0'] = value.toExponential().split('e')
  const sign = exponent.startsWith('-') ? '-' : '+'
  return `${digits}e${sign}${exponent.replace(/^[+-]/, '').padStart(2, '0')}`
}
