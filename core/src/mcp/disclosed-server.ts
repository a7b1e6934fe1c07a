import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type Disclosure, type HandshakeMethod, type McpRequest, metaOf } from '@capiscio/proto/mcp'
import { createPopResponse, PopError, popRequestFromMeta } from '@capiscio/proto/sdk'
import { StartRefused } from '../start-refused.ts'

/** Who the guarded server is, by files that somebody else keeps current. */
export interface DisclosedServerFiles {
  readonly did: string
  /** The badge that is current now, read for each handshake. */
  readonly badgeFile?: string | undefined
  /** Ed25519 private key, PEM or JWK. */
  readonly keyFile?: string | undefined
  /** As whom clients reach the server: a URL origin, or `stdio`. */
  readonly audience: () => string
}

/**
 * Makes what a guarded server says about itself in a handshake.
 *
 * @throws {StartRefused} when the key cannot be used
 */
export function createDisclosedServer(files: DisclosedServerFiles) {
  const { did, badgeFile, keyFile, audience } = files
  const key = keyFile === undefined ? undefined : readKey(keyFile)

  async function prove(request: McpRequest & { readonly method: HandshakeMethod }) {
    if (key === undefined) return undefined
    try {
      const pop = popRequestFromMeta(metaOf(request), request.method)
      return (
        pop &&
        (await createPopResponse(pop, { serverDid: did, audience: audience() }, (message) => sign(null, message, key)))
      )
    } catch (error) {
      // Not a nonce: nothing is signed for it.
      if (error instanceof PopError) return undefined
      throw error
    }
  }

  return async (request: McpRequest & { readonly method: HandshakeMethod }): Promise<Disclosure> => {
    const [serverBadge, pop] = await Promise.all([readBadge(badgeFile), prove(request)])
    return { serverDid: did, serverBadge, pop }
  }
}

/** A badge that cannot be read now is not disclosed; the server is then only declared. */
export async function readBadge(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trim() || undefined
}

function readKey(file: string): KeyObject {
  try {
    const text = readFileSync(file, 'utf8').trim()
    const key = text.startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
      : createPrivateKey(text)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // The parser's own message may quote the key.
  }
  throw new StartRefused(`The key file ${file} holds no Ed25519 private key in PEM or JWK form.`)
}
