import type { Disclosure, HandshakeMethod, McpRequest } from '@capiscio/proto/mcp'
import { metaOf } from '@capiscio/proto/mcp'
import { popRequestFromMeta } from '@capiscio/proto/sdk'
import type { BadgeSource } from '../caller-credential.ts'
import { type KeySource, requireKey } from '../key-source.ts'
import { createPopResponse } from '../proof-of-possession.ts'

/** Who a server is, as it tells its clients (RFC-007). */
export interface ServerIdentityOptions {
  /** The server's DID: did:key or did:web. */
  readonly did: string
  /** Its badge, or a function that gives the badge that is current now, such as a keeper's. */
  readonly badge?: BadgeSource | undefined
  /** Its Ed25519 private key, to answer proofs of possession with: a `KeyObject`, or PEM (PKCS#8). */
  readonly privateKey?: KeySource | undefined
  /** DID URL of that key. Default: `#key-1` of a did:web, the only key of a did:key. */
  readonly keyId?: string | undefined
  /**
   * URL origin that clients reach the server at, such as `https://mcp.example.com`, or `stdio`.
   * Proofs are bound to it, so that nobody can relay them. Default `stdio`; without the right one
   * clients that require a bound proof refuse the server.
   */
  readonly origin?: string | undefined
}

/** A server's identity, ready to be disclosed. */
export interface ServerIdentityDisclosure {
  readonly did: string
  /** What the server says in answer to one handshake. A nonce that is none is not answered. */
  disclose(request: McpRequest & { readonly method: HandshakeMethod }): Promise<Disclosure>
  /** The badge that is current now; undefined where there is none. */
  currentBadge(): Promise<string | undefined>
}

/** @throws TypeError for options that cannot be used. */
export function createServerIdentity(options: ServerIdentityOptions): ServerIdentityDisclosure {
  const { did, badge, keyId, origin = 'stdio' } = options
  if (typeof did !== 'string' || !/^did:(?:key|web):./.test(did)) {
    throw new TypeError('identity.did must be a did:key or did:web.')
  }
  if (badge !== undefined && typeof badge !== 'string' && typeof badge !== 'function') {
    throw new TypeError('identity.badge must be the badge or a function that gives it.')
  }
  if (origin !== 'stdio' && !isOrigin(origin)) {
    throw new TypeError('identity.origin must be a URL origin such as "https://mcp.example.com", or "stdio".')
  }
  const privateKey = options.privateKey === undefined ? undefined : requireKey(options.privateKey, 'private')

  /** A badge that cannot be had now is not disclosed: the server is then only declared, not unreachable. */
  const currentBadge = async (): Promise<string | undefined> => {
    try {
      const current: unknown = typeof badge === 'function' ? await badge() : badge
      return typeof current === 'string' && current !== '' ? current : undefined
    } catch {
      return undefined
    }
  }

  async function answer(request: McpRequest & { readonly method: HandshakeMethod }) {
    if (privateKey === undefined) return undefined
    const pop = (() => {
      try {
        return popRequestFromMeta(metaOf(request), request.method)
      } catch {
        // Not a nonce, or two of them: signing nothing is the answer.
        return undefined
      }
    })()
    return pop && createPopResponse(pop, { serverDid: did, keyId, audience: origin, privateKey })
  }

  return {
    did,
    currentBadge,
    async disclose(request) {
      const [serverBadge, pop] = await Promise.all([currentBadge(), answer(request)])
      return { serverDid: did, serverBadge, pop }
    },
  }
}

function isOrigin(text: unknown): boolean {
  return typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text
}
