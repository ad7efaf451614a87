import { UserError } from '#lib/errors.ts'
import { jsonMessage, methodNotAllowed, type Reply, textError } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { Guard } from '../auth/guard.ts'
import { checkUrls } from '../config/urls.ts'
import type { ChangeRefusal, ClusterMember, MemberService } from '../member/service.ts'
import { quote } from '../store/quote.ts'
import { INSUFFICIENT } from './accounts.ts'
import { type ApiContext, clusterHeader, jsonReply, send } from './context.ts'

/** Where the members are. */
export const MEMBERS = '/v2/members'
const METHODS = ['GET', 'POST', 'DELETE', 'PUT']
const JSON_TYPE = 'application/json'
const MEMBER_ID = /^[0-9a-f]{1,16}$/i

/** `/v2/members` and `/v2/machines` (specification §4). */
export class Members {
  readonly #service: MemberService
  readonly #guard: Guard
  readonly #head: string

  constructor({ service }: ApiContext, guard: Guard) {
    this.#service = service
    this.#guard = guard
    this.#head = clusterHeader(service)
  }

  answer(request: Request, response: Response, cors: string): void {
    const reply = (reply: Reply): void => send(response, cors, reply, this.#head)
    const rest = request.path.slice(MEMBERS.length).replace(/^\//, '')
    if (!METHODS.includes(request.method)) send(response, cors, methodNotAllowed(METHODS))
    else if (request.method === 'GET') reply(this.#shown(rest))
    else
      this.#guard.mayManage(request, may => {
        if (!may) send(response, cors, INSUFFICIENT)
        else if (request.method === 'POST') this.#add(request, reply)
        else this.#change(request, rest, reply)
      })
  }

  #shown(rest: string): Reply {
    const members = this.#service.members()
    if (rest === '') return jsonReply(200, `{"members":[${members.map(renderMember).join(',')}]}\n`)
    if (rest !== 'leader') return jsonMessage(404, 'Not found')
    const leader = members.find(({ id }) => id === this.#service.leader)
    return leader === undefined
      ? jsonMessage(503, 'During election')
      : jsonReply(200, `${renderMember(leader)}\n`)
  }

  #add(request: Request, reply: (reply: Reply) => void): void {
    const urls = readPeerUrls(request)
    if (!Array.isArray(urls)) {
      reply(urls)
      return
    }
    this.#service.addMember(urls, result => {
      if (!('refused' in result)) reply(jsonReply(201, `${renderMember(result)}\n`))
      else if (result.refused === 'idExists') reply(jsonMessage(409, 'membership: ID exists'))
      else if (result.refused === 'peerUrlExists') reply(jsonMessage(409, 'membership: peerURL exists'))
      else reply(jsonMessage(500, 'Internal Server Error'))
    })
  }

  #change(request: Request, text: string, reply: (reply: Reply) => void): void {
    if (text === '') {
      reply(textError(405, 'Method Not Allowed'))
      return
    }
    if (!MEMBER_ID.test(text)) {
      reply(jsonMessage(404, `No such member: ${text}`))
      return
    }
    const id = text.toLowerCase().replace(/^0+(?=.)/, '')
    const done = (refusal: ChangeRefusal | undefined): void => reply(changed(id, refusal))
    if (request.method === 'DELETE') {
      this.#service.removeMember(id, done)
      return
    }
    const urls = readPeerUrls(request)
    if (Array.isArray(urls)) this.#service.updateMember(id, urls, done)
    else reply(urls)
  }
}

/** `/v2/machines`: the client URLs of all, as old clients want them. */
export function renderMachines(members: readonly ClusterMember[]): string {
  return members
    .flatMap(({ clientUrls }) => clientUrls)
    .toSorted()
    .join(', ')
}

function changed(id: string, refusal: ChangeRefusal | undefined): Reply {
  switch (refusal?.refused) {
    case undefined:
      return { status: 204, headers: '', body: '' }
    case 'idNotFound':
      return jsonMessage(404, `No such member: ${id}`)
    case 'idRemoved':
      return jsonMessage(410, `Member permanently removed: ${id}`)
    case 'peerUrlExists':
      return jsonMessage(409, 'membership: peerURL exists')
    case 'idExists':
      return jsonMessage(409, 'membership: ID exists')
    default:
      return jsonMessage(500, 'Internal Server Error')
  }
}

/** The URLs of `{"peerURLs":[…]}`, sorted, or what is wrong with the request. */
function readPeerUrls(request: Request): string[] | Reply {
  const type = request.header('content-type') ?? ''
  if ((type.split(';')[0] ?? '').trim().toLowerCase() !== JSON_TYPE)
    return jsonMessage(415, `Bad Content-Type ${type}, accept application/json`)
  if (request.bodyTooLarge) return jsonMessage(400, 'http: request body too large')
  try {
    const content: unknown = JSON.parse(request.body.toString('utf8'))
    const urls = (content as { peerURLs?: unknown } | null)?.peerURLs ?? []
    if (!Array.isArray(urls)) return jsonMessage(400, wrongType(urls, '[]string'))
    const wrong: unknown = urls.find(url => typeof url !== 'string')
    return wrong === undefined ? checkUrls(urls as string[]) : jsonMessage(400, wrongType(wrong, 'string'))
  } catch (error) {
    if (error instanceof UserError) return jsonMessage(400, error.message)
    if (error instanceof SyntaxError) return jsonMessage(400, jsonProblem(error, request.body.length))
    throw error
  }
}

/** In the original's words, which tell a client of any language enough. */
function wrongType(value: unknown, wanted: string): string {
  const found = typeof value === 'boolean' ? 'bool' : Array.isArray(value) ? 'array' : typeof value
  return `json: cannot unmarshal ${found} into Go struct field .peerURLs of type ${wanted}`
}

/** What is cut short is named as the original names it; the rest in the words of our parser. */
function jsonProblem({ message }: SyntaxError, length: number): string {
  const at = /at position (\d+)/.exec(message)
  const isShort = length === 0 || message.startsWith('Unexpected end') || Number(at?.[1]) >= length
  return isShort ? 'unexpected end of JSON input' : message
}

function renderMember({ id, name, peerUrls, clientUrls }: ClusterMember): string {
  const list = (urls: readonly string[]) => `[${urls.map(quote).join(',')}]`
  return `{"id":"${id}","name":${quote(name)},"peerURLs":${list(peerUrls)},"clientURLs":${list(clientUrls)}}`
}
