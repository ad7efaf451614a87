import type { Perform } from './client.ts'
import { jsonRequest } from './request.ts'
import { decodeApiError, decodeMember, decodeMembers, expectStatus, parse } from './response.ts'
import type { Member } from './types.ts'

const MEMBERS = '/v2/members'

/** The members of the cluster. Each call may throw ApiError, ProtocolError and what `EtcdClient.perform` throws. */
export class MembersClient {
  readonly #perform: Perform

  constructor(perform: Perform) {
    this.#perform = perform
  }

  /** All members. */
  async list(signal?: AbortSignal): Promise<Member[]> {
    return decodeMembers(await this.#perform(jsonRequest('GET', MEMBERS), signal))
  }

  /** The member that leads. */
  async leader(signal?: AbortSignal): Promise<Member> {
    const reply = await this.#perform(jsonRequest('GET', `${MEMBERS}/leader`), signal)
    expectStatus(reply, 200)
    return decodeMember(parse(reply.body))
  }

  /** Adds a member that will listen for its peers at `peerURL`. */
  async add(peerURL: string, signal?: AbortSignal): Promise<Member> {
    const reply = await this.#perform(jsonRequest('POST', MEMBERS, { peerURLs: [peerURL] }), signal)
    if (reply.status !== 201) throw decodeApiError(reply)
    return decodeMember(parse(reply.body))
  }

  /** Removes a member for ever. */
  async remove(id: string, signal?: AbortSignal): Promise<void> {
    const reply = await this.#perform(jsonRequest('DELETE', `${MEMBERS}/${id}`), signal)
    // Gone: an earlier attempt of this call did it.
    if (reply.status !== 204 && reply.status !== 410) throw decodeApiError(reply)
  }

  /** Says that a member listens for its peers elsewhere. */
  async update(id: string, peerURLs: readonly string[], signal?: AbortSignal): Promise<void> {
    const reply = await this.#perform(jsonRequest('PUT', `${MEMBERS}/${id}`, { peerURLs }), signal)
    if (reply.status !== 204) throw decodeApiError(reply)
  }
}
