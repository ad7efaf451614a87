/** A cloud-config, and what it has to become. The line `#cloud-config` is put before it. */
export interface Case {
  name: string
  config: string
  /** Steps, as `describeStep` says them; absent: none. */
  plan?: string[]
  /** Findings, as `renderFindings` says them; absent: none. */
  findings?: string[]
  /** What is in files, drop-ins (`UNIT/DROP-IN`) and units, by path or name. */
  contents?: Record<string, string>
}
