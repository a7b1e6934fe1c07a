import type { IncomingMessage, ServerResponse } from 'node:http'
import { isLocal } from './call-origin.ts'
import { WEB_ORIGIN, webOrigin } from './web-origin.ts'

/** The public files of one log. */
export interface EvidenceFiles {
  /** Last part of the log's origin, which names it in the path. */
  readonly name: string
  /** The file at a path relative to the log; `undefined` for everything that is none of its public files. */
  read(path: string): Promise<EvidenceFile | undefined>
}

export interface EvidenceFile {
  readonly kind: 'checkpoint' | 'hashes' | 'entries'
  /** A full tile or bundle, which never changes. */
  readonly full: boolean
  readonly bytes: Uint8Array
}

const PREFIX = '/evidence/'
const TEXT = 'text/plain; charset=utf-8'

/**
 * Serves a log in the layout of C2SP tlog-tiles, read-only, for checkers by other people.
 *
 * Hash tiles and checkpoint tell nothing about a call. Entry bundles say who called which
 * tool: they are for this machine's own programs and for clients with a certificate, and
 * never for a page, which runs on this machine and belongs to somebody else.
 *
 * Returns whether the path is one of these.
 */
export function createEvidenceFilesHandler(files: EvidenceFiles) {
  const root = `${PREFIX}${files.name}/`

  async function respond(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (status: number, bytes: Uint8Array | string, headers: Readonly<Record<string, string>>): void => {
      const body = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
      response.writeHead(status, {
        ...headers,
        'content-length': String(body.length),
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const refuse = (status: number, text: string): void =>
      send(status, `${text}\n`, { 'content-type': TEXT, 'cache-control': 'no-store' })

    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Only GET is served here.')
    const file = path.startsWith(root) ? await files.read(path.slice(root.length)) : undefined
    if (file === undefined) return refuse(404, `No such file. The log begins at ${root}checkpoint.`)
    const { kind, full, bytes } = file
    switch (kind) {
      case 'checkpoint':
        return send(200, bytes, { 'content-type': TEXT, 'cache-control': 'no-cache' })
      case 'hashes':
        return send(200, bytes, { 'content-type': 'application/octet-stream', 'cache-control': age('public', full) })
      case 'entries':
        if (!mayReadEntries(request)) {
          return refuse(403, 'Entries are for programs on this machine and for clients with a certificate.')
        }
        return send(200, bytes, { 'content-type': 'application/octet-stream', 'cache-control': age('private', full) })
    }
  }

  return (request: IncomingMessage, response: ServerResponse): boolean => {
    // The raw path: nothing is decoded or resolved, so there is only one spelling of a file.
    const path = request.url?.split('?', 1)[0] ?? ''
    if (!path.startsWith(PREFIX)) return false
    respond(path, request, response).catch(() => response.destroy())
    return true
  }
}

/** A partial file has only these bytes too, until it is removed because there is a larger one. */
function age(who: 'public' | 'private', full: boolean): string {
  return full ? `${who}, max-age=31536000, immutable` : `${who}, max-age=60`
}

function mayReadEntries(request: IncomingMessage): boolean {
  if (isFromPage(request.headers)) return false
  const origin = webOrigin(request).get(WEB_ORIGIN)
  return origin.certificate || isLocal(origin)
}

/** What a person types into the address line is `none`; everything else that browsers send names a page. */
function isFromPage(headers: IncomingMessage['headers']): boolean {
  const site = headers['sec-fetch-site']
  return 'origin' in headers || 'referer' in headers || (site !== undefined && site !== 'none')
}
