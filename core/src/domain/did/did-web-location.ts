import type { DidWeb } from './did-web.ts'

/** Where the document of a did:web is asked for, and by whose choice of host. */
export interface DidWebLocation {
  readonly url: string
  readonly hostFrom: 'operator' | 'input'
}

export interface DidWebPlaces {
  /**
   * Where the operator says that documents of a namespace are reached, by the namespace's
   * HTTPS origin: `https://registry.example.com` for `did:web:registry.example.com:…`.
   */
  readonly namespaces: ReadonlyMap<string, string>
  /** Documents of `localhost` are asked for over HTTP, on any port. For development only. */
  readonly allowLocalhost: boolean
}

/**
 * The URL of a DID document (badges.md §6.2): `/.well-known/did.json` without path, otherwise
 * `did.json` at the end of it. `undefined` when the host may not be asked: outside the
 * operator's namespaces only HTTPS on port 443 of a named host may (RFC-002 §8.4).
 */
export function locateDidWeb(did: DidWeb, { namespaces, allowLocalhost }: DidWebPlaces): DidWebLocation | undefined {
  const { host, port = 443, segments } = did
  const path = segments.length === 0 ? '/.well-known/did.json' : `/${segments.join('/')}/did.json`
  const place = namespaces.get(port === 443 ? `https://${host}` : `https://${host}:${port}`)
  if (place !== undefined) return { url: `${place.replace(/\/+$/, '')}${path}`, hostFrom: 'operator' }
  if (host === 'localhost') {
    if (!allowLocalhost) return undefined
    return { url: `http://localhost:${did.port ?? 80}${path}`, hostFrom: 'operator' }
  }
  return port === 443 ? { url: `https://${host}${path}`, hostFrom: 'input' } : undefined
}
