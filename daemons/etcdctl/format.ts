import { goJson } from '#lib/cli/quote.ts'
import type { EtcdNode, KeysResponse } from '#lib/etcd/types.ts'

/** Text for both streams. */
export interface Rendered {
  out: string
  err: string
}

/**
 * Prints an answer about one key.
 *
 * An unknown format is a message on stderr and no failure: the operation was done, and scripts of the original see 0.
 */
export function renderResponse(response: KeysResponse, output: string): Rendered {
  switch (output) {
    case 'simple':
      return { out: renderSimple(response), err: '' }
    case 'extended':
      return { out: renderExtended(response), err: '' }
    case 'json':
      return { out: `${renderJson(response)}\n`, err: '' }
    default:
      return { out: '', err: `Unsupported output format: ${output}\n` }
  }
}

/** Keys below a directory, one a line; a file shows itself. */
export function renderListing({ node }: KeysResponse, slashes: boolean): string {
  const lines: string[] = []
  if (!node.dir) lines.push(`${node.key}\n`)
  const visit = (child: EtcdNode): void => {
    lines.push(child.dir && slashes ? `${child.key}/\n` : `${child.key}\n`)
    for (const grandchild of child.nodes ?? []) visit(grandchild)
  }
  for (const child of node.nodes ?? []) visit(child)
  return lines.join('')
}

function renderSimple({ action, node, prevNode }: KeysResponse): string {
  return action === 'delete' ? `PrevNode.Value: ${prevNode?.value ?? ''}\n` : `${node.value}\n`
}

function renderExtended({ action, node, prevNode, index }: KeysResponse): string {
  const lines = [
    `Key: ${node.key}`,
    `Created-Index: ${node.createdIndex}`,
    `Modified-Index: ${node.modifiedIndex}`,
    ...(prevNode === null ? [] : [`PrevNode.Value: ${prevNode.value}`]),
    `TTL: ${node.ttl}`,
    `Index: ${index}`,
    ...(action === 'delete' ? [] : ['', node.value]),
  ]
  return `${lines.join('\n')}\n`
}

/** The original's structures as its encoder writes them; tools compare the text. */
function renderJson({ action, node, prevNode }: KeysResponse): string {
  return goJson({ action, node: jsonNode(node), prevNode: prevNode === null ? null : jsonNode(prevNode) })
}

function jsonNode(node: EtcdNode): Record<string, unknown> {
  return {
    key: node.key,
    dir: node.dir || undefined,
    value: node.value,
    nodes: node.nodes === null ? null : node.nodes.map(jsonNode),
    createdIndex: node.createdIndex,
    modifiedIndex: node.modifiedIndex,
    expiration: node.expiration,
    ttl: node.ttl || undefined,
  }
}
