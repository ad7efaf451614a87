import { headerBlock } from '#lib/http/header.ts'
import { jsonMessage, notFound, type Reply } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { Config } from '../../config/config.ts'
import { VERSION } from '../../config/help.ts'
import { checkUrls } from '../../config/urls.ts'
import { type ClusterMember, Failure, type MemberService } from '../../member/service.ts'
import { type Answer, answerError, answerRead, answerWrite } from '../../store/answer.ts'
import { StoreError } from '../../store/errors.ts'
import { type Method, readRequest, type WatchRequest } from '../../store/request.ts'
import type { Watcher } from '../../store/watcher.ts'
import type { Handler } from './client-port.ts'

const HEALTH_TIMEOUT_MS = 1000
const KEYS = '/v2/keys'
const MEMBERS = '/v2/members'
const JSON_TYPE = headerBlock([['Content-Type', 'application/json']])
const RAFT_INTERNAL = 300

/**
 * The door between a member and its client port: here the API is chosen. This one has keys, watches that wait for one
 * event, members, health and version, and nothing of statistics and passwords.
 */
export function createApi(member: MemberService, _config: Config): { handler: Handler; close(): void } {
  const api = new PlainApi(member)
  return { handler: (request, response) => api.answer(request, response), close: () => {} }
}

class PlainApi {
  readonly #member: MemberService

  constructor(member: MemberService) {
    this.#member = member
  }

  answer(request: Request, response: Response): void {
    const { path } = request
    if (path === KEYS || path.startsWith(`${KEYS}/`)) this.#keys(request, response)
    else if (path === MEMBERS || path.startsWith(`${MEMBERS}/`)) this.#members(request, response)
    else if (path === '/health')
      this.#member.checkHealth(HEALTH_TIMEOUT_MS, isHealthy =>
        response.end(isHealthy ? 200 : 503, JSON_TYPE, `{"health":"${isHealthy}"}\n`),
      )
    else this.#reply(response, this.#page(path))
  }

  #page(path: string): Reply {
    const { id, name, role, clusterVersion = 'not_decided' } = this.#member
    if (path === '/version') return json(200, { etcdserver: VERSION, etcdcluster: clusterVersion })
    if (path === '/v2/machines') {
      const urls = this.#member.members().flatMap(({ clientUrls }) => clientUrls)
      return { status: 200, headers: '', body: urls.toSorted().join(', ') }
    }
    const state = role === 'leader' ? 'StateLeader' : 'StateFollower'
    return path === '/v2/stats/self' ? json(200, { name, id, state }) : notFound()
  }

  #keys(request: Request, response: Response): void {
    const member = this.#member
    const key = decodeURIComponent(request.path.slice(KEYS.length)) || '/'
    const form = request.bodyLatin1()
    const wanted = readRequest(request.method as Method, key, request.query, form, Date.now())
    const send = (answer: Answer) => this.#send(response, answer)
    const refuse = ({ text }: Failure) => send(answerError(new StoreError(RAFT_INTERNAL, text, 0)))
    if (wanted instanceof StoreError) send(answerError(wanted))
    else if (wanted.kind === 'write')
      member.write(wanted.operation, result => {
        if (result instanceof Failure) refuse(result)
        else if (result === undefined) response.end(200, '')
        else send(answerWrite(result, wanted.noValueOnSuccess, Date.now()))
      })
    else if (wanted.kind === 'watch') this.#watch(wanted, response)
    else if (!wanted.quorum) send(answerRead(member.store, wanted, Date.now()))
    else
      member.readBarrier(failure => {
        if (failure === undefined) send(answerRead(member.store, wanted, Date.now()))
        else refuse(failure)
      })
  }

  #watch({ path, recursive, waitIndex }: WatchRequest, response: Response): void {
    const { store } = this.#member
    const finish = (watcher: Watcher) => {
      const event = watcher.take()
      if (event === undefined || response.isEnded) return
      const { body } = answerWrite(event, false, Date.now())
      this.#send(response, { status: 200, index: watcher.startIndex, isError: false, body })
    }
    const watcher = store.watch(path, recursive, false, waitIndex, { wake: finish })
    if (watcher instanceof StoreError) this.#send(response, answerError(watcher))
    else {
      finish(watcher)
      response.onClose = () => store.watchers.remove(watcher)
    }
  }

  #members(request: Request, response: Response): void {
    const member = this.#member
    const id = request.path.slice(MEMBERS.length + 1)
    if (request.method === 'GET' && id === '')
      this.#reply(response, json(200, { members: member.members().map(shown) }))
    else if (request.method === 'GET' && id === 'leader') {
      const leader = member.members().find(candidate => candidate.id === member.leader)
      this.#reply(
        response,
        leader === undefined ? jsonMessage(503, 'During election') : json(200, shown(leader)),
      )
    } else if (request.method === 'POST' && id === '') this.#addMember(request, response)
    else if (request.method === 'DELETE')
      member.removeMember(id, refusal => {
        if (refusal === undefined) this.#reply(response, { status: 204, headers: '', body: '' })
        else if (refusal.refused === 'idRemoved')
          this.#reply(response, jsonMessage(410, `Member permanently removed: ${id}`))
        else if (refusal.refused === 'idNotFound')
          this.#reply(response, jsonMessage(404, `No such member: ${id}`))
        else this.#reply(response, jsonMessage(500, 'Internal Server Error'))
      })
    else this.#reply(response, notFound())
  }

  #addMember(request: Request, response: Response): void {
    let peerUrls: string[]
    try {
      const { peerURLs } = JSON.parse(request.body.toString()) as { peerURLs: string[] }
      peerUrls = checkUrls(peerURLs)
    } catch (error) {
      this.#reply(response, jsonMessage(400, (error as Error).message))
      return
    }
    this.#member.addMember(peerUrls, result => {
      if ('refused' in result) this.#reply(response, jsonMessage(500, 'Internal Server Error'))
      else this.#reply(response, json(201, shown(result)))
    })
  }

  #send(response: Response, { status, index, body }: Answer): void {
    const { committedIndex, term } = this.#member
    const headers = `${JSON_TYPE}X-Etcd-Index: ${index}\r\nX-Raft-Index: ${committedIndex}\r\nX-Raft-Term: ${term}\r\n`
    this.#reply(response, { status, headers, body })
  }

  #reply(response: Response, { status, headers, body }: Reply): void {
    response.end(status, `${headers}X-Etcd-Cluster-Id: ${this.#member.clusterId}\r\n`, body)
  }
}

function shown({ id, name, peerUrls, clientUrls }: ClusterMember) {
  return { id, name, peerURLs: peerUrls, clientURLs: clientUrls }
}

function json(status: number, value: object): Reply {
  return { status, headers: JSON_TYPE, body: `${JSON.stringify(value)}\n` }
}
