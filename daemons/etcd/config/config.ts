import type { LogLevel } from './levels.ts'

/** Certificates of one port, by the files that hold them. '' where none was given. */
export interface TlsSettings {
  certFile: string
  keyFile: string
  clientCertAuth: boolean
  trustedCaFile: string
  crlFile: string
  autoTls: boolean
}

/** Of the peer port. */
export interface PeerTlsSettings extends TlsSettings {
  allowedCommonName: string
  allowedHostname: string
}

/** What a server is started with (specification §7.1). URLs are as given; durations are in milliseconds. */
export interface Config {
  name: string
  dataDir: string
  /** A folder for the log apart from the data directory, or ''. */
  walDir: string
  snapshotCount: number
  heartbeatMs: number
  electionMs: number
  listenPeerUrls: readonly string[]
  listenClientUrls: readonly string[]
  initialAdvertisePeerUrls: readonly string[]
  advertiseClientUrls: readonly string[]
  /** `name=url,name=url`; '' with discovery. */
  initialCluster: string
  initialClusterState: 'new' | 'existing'
  initialClusterToken: string
  /** URL of a token, or ''. */
  discovery: string
  discoveryProxy: string
  discoveryFallback: 'proxy' | 'exit'
  /** Domain, or ''. */
  discoverySrv: string
  discoverySrvName: string
  proxy: 'off' | 'on' | 'readonly'
  proxyFailureWaitMs: number
  proxyRefreshMs: number
  proxyDialTimeoutMs: number
  proxyWriteTimeoutMs: number
  /** 0: none. */
  proxyReadTimeoutMs: number
  /** 0: all are kept. */
  maxSnapshots: number
  cors: readonly string[]
  hostWhitelist: readonly string[]
  strictReconfig: boolean
  clientTls: TlsSettings
  peerTls: PeerTlsSettings
  forceNewCluster: boolean
  /** A member that has lost its disk takes its place again. */
  rejoin: boolean
  /** Of TLS before 1.3, in OpenSSL's notation; '' for those of Node. */
  ciphers: string
  listenMetricsUrls: readonly string[]
  metrics: 'basic' | 'extensive'
  bcryptCost: number
  /** Profiles at /debug/pprof/. */
  enablePprof: boolean
  /** For tests: faster, and nothing survives a power cut. */
  unsafeNoFsync: boolean
  logger: 'capnslog' | 'zap'
  logLevel: LogLevel
  /** Of parts of the program that differ. */
  packageLevels: ReadonlyMap<string, LogLevel>
  /** `stdout`, `stderr` or paths of files. */
  logOutputs: readonly string[]
}

/** What to do with a command line. */
export type Start =
  | { kind: 'run'; config: Config; notices: readonly Notice[] }
  /** Write this and end. */
  | { kind: 'end'; status: number; out: string; err: string }

/** A line for the log about the settings themselves. */
export interface Notice {
  level: 'info' | 'warn'
  from: string
  text: string
}
