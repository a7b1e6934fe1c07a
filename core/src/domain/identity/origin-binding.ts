import { parseDidWeb } from '../did/did-web.ts'

/** How a client reached a server. */
export type ServerEndpoint =
  /** A child process, which has no origin. */
  | { readonly transport: 'stdio' }
  | {
      readonly transport: 'http'
      /** URL whose origin was contacted; its path counts where `path` is not given. */
      readonly url: URL
      /** Path that was contacted, when it is known apart from the URL. */
      readonly path?: string
    }

export type BindingMismatch = 'SERVER_DOMAIN_MISMATCH' | 'SERVER_PATH_MISMATCH'

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'https:': '443', 'http:': '80' }

/**
 * Whether a did:web names the endpoint that was contacted (RFC-007 §8, with path segments
 * compared whole: `/mcp/files-evil` is not `/mcp/files`). `undefined` when it does.
 *
 * Hosts are equal without regard to case, ports once the default one of the URL's scheme is
 * taken away. A DID
 * without path segments names every path of its host; one with segments names exactly that
 * path, a final slash aside. A did:key names no place, and a child process is at none: both
 * always pass.
 *
 * @param did well-formed, of method `web` or `key`
 */
export function findBindingMismatch(did: string, endpoint: ServerEndpoint): BindingMismatch | undefined {
  if (endpoint.transport === 'stdio' || !did.startsWith('did:web:')) return undefined
  const { url, path = url.pathname } = endpoint
  const { host, port, segments } = parseDidWeb(did)
  // `URL` has taken a default port away and lowered the host already.
  const named = port === undefined || String(port) === DEFAULT_PORTS[url.protocol] ? '' : String(port)
  if (url.hostname !== host || url.port !== named) return 'SERVER_DOMAIN_MISMATCH'
  if (segments.length === 0) return undefined
  const contacted = pathSegments(path)
  const expected = segments.map(decodeURIComponent)
  const isSame = contacted?.length === expected.length && expected.every((segment, i) => segment === contacted[i])
  return isSame ? undefined : 'SERVER_PATH_MISMATCH'
}

/** Decoded segments without the empty one of a final slash. `undefined` when the path is not decodable. */
function pathSegments(path: string): readonly string[] | undefined {
  const segments = path.replace(/^\//, '').split('/')
  if (segments.at(-1) === '') segments.pop()
  try {
    return segments.map(decodeURIComponent)
  } catch {
    return undefined
  }
}
