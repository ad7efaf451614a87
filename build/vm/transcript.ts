/** Something that Orlop says on its console about how far it is. */
export type Marker =
  | { kind: 'grub'; slot: string; tries: number }
  | { kind: 'initrd'; slot: string }
  | { kind: 'complete'; slot: string; version: string }
  | { kind: 'failed'; slot: string; reason: string }
  | { kind: 'login' }

/** One start of the machine, as seen on its console. A field is absent until the machine has come that far. */
export interface Boot {
  /** Slot that GRUB chose. */
  slot: string
  /** Tries left for the slot after this start was counted. */
  tries: number
  /** The initrd has mounted the root. */
  rooted?: true
  /** A login prompt was shown. */
  login?: true
  /** Version that boot-complete reported. */
  version?: string
  /** Why the health checks failed. */
  failure?: string
}

/** Terminal control sequences (ECMA-48 CSI, OSC, other escapes) and carriage returns. */
const CONTROL = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]|\r|\x00/g
/** The beginning of one, at the end of what has arrived. An OSC that does not end soon is none. */
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,1024}\x1b?|[ -/]*)?$/

/** Text without colours and cursor movement. */
export function plainText(text: string): string {
  return text.replace(CONTROL, '')
}

/** What a line of the console (without control sequences) says, if it is a marker. */
export function parseMarker(line: string): Marker | undefined {
  // What a program prints may follow a prompt or a half line of another one: markers are looked for anywhere.
  const grub = /ORLOP: grub slot=(\w+) tries=(\d)/.exec(line)
  if (grub) return { kind: 'grub', slot: grub[1]!, tries: Number(grub[2]!) }
  const initrd = /ORLOP: initrd slot=(\w+) root mounted/.exec(line)
  if (initrd) return { kind: 'initrd', slot: initrd[1]! }
  const complete = /ORLOP: boot complete slot=(\w+) version=(\S+)/.exec(line)
  if (complete) return { kind: 'complete', slot: complete[1]!, version: complete[2]! }
  const failed = /ORLOP: boot failed slot=(\w+) reason=(.*)/.exec(line)
  if (failed) return { kind: 'failed', slot: failed[1]!, reason: failed[2]!.trim() }
  return /^(?!Last )\S+ login: /.test(line) ? { kind: 'login' } : undefined
}

/** Adds a marker to the boots seen before it; a GRUB marker begins the next one. */
export function addMarker(boots: readonly Boot[], marker: Marker): Boot[] {
  if (marker.kind === 'grub') return [...boots, { slot: marker.slot, tries: marker.tries }]
  const current = boots.at(-1)
  if (current === undefined) return [...boots] // the console was joined in the middle of a boot
  const change: Partial<Boot> =
    marker.kind === 'initrd'
      ? { rooted: true }
      : marker.kind === 'complete'
        ? { version: marker.version }
        : marker.kind === 'failed'
          ? { failure: marker.reason }
          : { login: true }
  return [...boots.slice(0, -1), { ...current, ...change }]
}

/** Everything a console has said, in plain text, and the boots in it. */
export class Transcript {
  /** Since the beginning, without control sequences. */
  text = ''
  boots: Boot[] = []
  #raw = ''
  #line = ''
  #last = ''
  readonly #decoder = new TextDecoder('utf-8', { fatal: false })

  /** Takes what came next and gives the markers in it. */
  append(chunk: Uint8Array): Marker[] {
    this.#raw += this.#decoder.decode(chunk, { stream: true })
    // A control sequence may be cut by the end of the chunk: its beginning waits for the rest.
    const cut = UNFINISHED.exec(this.#raw)
    const ready = cut ? this.#raw.slice(0, cut.index) : this.#raw
    this.#raw = cut ? cut[0] : ''
    const plain = plainText(ready)
    this.text += plain
    return this.#markers(plain)
  }

  /** The last `count` lines that are not empty, for messages. */
  tail(count: number): string[] {
    return this.text
      .split('\n')
      .filter(line => line.trim() !== '')
      .slice(-count)
  }

  #markers(plain: string): Marker[] {
    const lines = (this.#line + plain).split('\n')
    this.#line = lines.pop() ?? ''
    const found: Marker[] = []
    for (const line of lines) {
      const marker = parseMarker(line)
      // UEFI firmware shows its console on the serial line too, so what GRUB says to both of them comes twice.
      if (marker && !(marker.kind === 'grub' && line === this.#last)) found.push(marker)
      if (line.trim() !== '') this.#last = line
    }
    // A prompt ends in no newline; once it is seen, the rest of its line is not looked at again.
    const prompt = parseMarker(this.#line)
    if (prompt?.kind === 'login') {
      found.push(prompt)
      this.#line = ''
    }
    for (const marker of found) this.boots = addMarker(this.boots, marker)
    return found
  }
}
