/** How bad a finding is: with an error nothing of the configuration is applied. */
export type Severity = 'error' | 'warning' | 'info'

/** Something that is wrong, or odd, in a configuration. */
export interface Finding {
  severity: Severity
  /** One line without a stop at its end. Names the key or value, and what to do. */
  message: string
  /** Path in the document, such as `coreos.units[0].name`; empty for the whole. */
  path: string
  /** From 1 on; 0 when unknown. */
  line: number
  /** From 1 on; 0 when unknown. */
  column: number
}

/** What the text of a configuration is, by its first line or its content. */
export type Format = 'empty' | 'script' | 'cloud-config' | 'ignition' | 'butane' | 'unknown'

/** Values for `$private_ipv4` and its like, as far as they are known. */
export interface Substitutes {
  private_ipv4?: string
  public_ipv4?: string
  private_ipv6?: string
  public_ipv6?: string
}
