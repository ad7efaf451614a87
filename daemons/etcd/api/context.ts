import { headerBlock, headerLine } from '#lib/http/header.ts'
import type { Reply } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { MemberService } from '../member/service.ts'
import type { Traffic } from './traffic.ts'

/** What the parts of the API share. */
export interface ApiContext {
  service: MemberService
  /** What `/version` says of this program. */
  version: string
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds of a clock that never goes back. */
  clock(): number
  traffic: Traffic
}

/** A part of the API: answers requests for the paths it was given. `cors` are the headers that go with every answer. */
export type Part = (request: Request, response: Response, cors: string) => void

/** Of answers in JSON. */
export const JSON_TYPE = headerBlock([['Content-Type', 'application/json']])
/** Of answers in plain words. */
export const TEXT_TYPE = headerBlock([['Content-Type', 'text/plain; charset=utf-8']])

/** `X-Etcd-Cluster-Id` of this cluster. */
export function clusterHeader(service: MemberService): string {
  return headerLine('X-Etcd-Cluster-Id', service.clusterId)
}

/** Answers with a whole reply, in front of it the headers of CORS, behind its own those that follow. */
export function send(response: Response, cors: string, reply: Reply, headers = ''): void {
  response.end(reply.status, cors + reply.headers + headers, reply.body)
}

/** JSON with its line end. */
export function jsonReply(status: number, body: string): Reply {
  return { status, headers: JSON_TYPE, body }
}
