import { RAFT_INTERNAL, renderError, StoreError, statusOfError } from './errors.ts'
import { type Event, statusOfEvent } from './event.ts'
import { LISTING_CHARS_MAX, renderAction, renderEvent, renderGet } from './render.ts'
import type { ReadRequest } from './request.ts'
import type { Store } from './store.ts'

/** What goes back to a client, but for the headers that tell of cluster and raft. */
export interface Answer {
  status: number
  /** For X-Etcd-Index. */
  index: number
  /** A refusal: without the headers of raft. */
  isError: boolean
  /** JSON with its line end. */
  body: string
}

/** The answer to a change: what applying it gave. `nowMs` is the wall clock, for times to live. */
export function answerWrite(result: Event | StoreError, noValueOnSuccess: boolean, nowMs: number): Answer {
  if (result instanceof StoreError) return answerError(result)
  const body = noValueOnSuccess ? renderAction(result) : renderEvent(result, nowMs)
  return { status: statusOfEvent(result), index: result.index, isError: false, body }
}

/** The answer to a read of the store as it is. */
export function answerRead(store: Store, request: ReadRequest, nowMs: number): Answer {
  const node = store.read(request.path)
  if (node instanceof StoreError) return answerError(node)
  const body = renderGet(request.path, node, request, nowMs)
  if (body === undefined) {
    const cause = `etcdserver: the listing is longer than ${LISTING_CHARS_MAX} characters; ask for less of it`
    return answerError(new StoreError(RAFT_INTERNAL, cause, store.index))
  }
  return { status: 200, index: store.index, isError: false, body }
}

/** The answer to what was refused, here or before the store was asked. */
export function answerError(error: StoreError): Answer {
  return { status: statusOfError(error), index: error.index, isError: true, body: renderError(error) }
}
