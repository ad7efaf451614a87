import { type ClientAgent, type ClientResponse, request } from '#lib/http/host/client.ts'

/** A request to the client port of a member. */
export interface Question {
  method?: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** With its query. */
  path: string
  /** Sent as a form. */
  form?: Record<string, string>
  timeoutMs: number
  agent?: ClientAgent
}

/** Its answer. */
export interface Told {
  status: number
  headers: ClientResponse['headers']
  text: string
}

/** A node of the v2 store as it is answered. */
export interface JsonNode {
  key?: string
  value?: string
  dir?: boolean
  nodes?: JsonNode[]
  modifiedIndex?: number
  createdIndex?: number
}

/** What the keys of the v2 store answer with: an event, or an error. */
export interface JsonAnswer {
  action?: string
  node?: JsonNode
  prevNode?: JsonNode
  errorCode?: number
  message?: string
  cause?: string
}

/** Asks a member. Rejects with ClientError when there is no answer. */
export async function ask(
  url: string,
  { method = 'GET', path, form, timeoutMs, agent }: Question,
): Promise<Told> {
  const body = form === undefined ? undefined : new URLSearchParams(form).toString()
  const {
    status,
    headers,
    body: bytes,
  } = await request({
    url: url + path,
    method,
    timeoutMs,
    ...(agent === undefined ? {} : { agent }),
    ...(body === undefined ? {} : { body, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
  })
  return { status, headers, text: bytes.toString('utf8') }
}

/** Whether a write counts as acknowledged. */
export function isAcknowledged({ status }: Told): boolean {
  return status === 200 || status === 201
}

/** The files below a node, however deep, by their keys. */
export function filesBelow(node: JsonNode, files = new Map<string, JsonNode>()): Map<string, JsonNode> {
  if (node.dir === true) for (const child of node.nodes ?? []) filesBelow(child, files)
  else files.set(node.key ?? '', node)
  return files
}
