/** What one connection may ask of the server. Each bound is a promise to the memory of the machine. */
export interface Limits {
  /** Of a request line; more is answered by 414. */
  requestLineBytesMax: number
  /** Of request line and headers together; more is answered by 431. Also of the trailers of a body. */
  headBytesMax: number
  /** Header lines of one request; more is answered by 431. */
  headerCountMax: number
  /** Of a body when the server was given no rule of its own. */
  bodyBytesMax: number
  /** Requests of one connection that wait for their answers; then it is not read any further. */
  pipelineMax: number
  /** Answers not taken yet by the client, in bytes; then its further requests are not read. */
  unsentBytesMax: number
  /** Connections of one server at once; more are closed as they come. */
  connectionsMax: number
  /** From the first byte of a request to the end of its headers. */
  headTimeoutMs: number
  /** Between two bytes of a body. */
  bodyTimeoutMs: number
  /** How long a connection may stand without a request; 0 is for ever, as the original has it. */
  idleTimeoutMs: number
  /** How long bytes are thrown away after a refusal, so that the client reads why (RFC 9112 §9.6). */
  lingerMs: number
}

/** Generous to clients of a store, and finite. Keys stand in the request line, hence its size. */
export const DEFAULT_LIMITS: Readonly<Limits> = {
  requestLineBytesMax: 256 * 1024,
  headBytesMax: 1024 * 1024,
  headerCountMax: 256,
  bodyBytesMax: 10 * 1024 * 1024,
  pipelineMax: 64,
  unsentBytesMax: 1024 * 1024,
  connectionsMax: 16_384,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  idleTimeoutMs: 0,
  lingerMs: 1_000,
}
