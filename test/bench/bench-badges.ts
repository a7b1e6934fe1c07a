import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createNodeEd25519Signer } from '../../core/src/adapters/crypto/node-ed25519.ts'
import { DEV_ISSUER } from '../../core/src/cli/dev/dev-folder.ts'
import { issueBadge } from '../../core/src/domain/badge/issue-badge.ts'
import { decodeBase64url } from '../../core/src/lib/base64url.ts'
import type { Ed25519Signer } from '../../core/src/ports/ed25519.ts'

/** Makes badges that differ from one another, all good for the same tool. */
export type BadgeMint = () => string

/** Signs with the issuer of a development folder. */
export function createBadgeMint(folder: string): BadgeMint {
  return createMint(folder, createNodeEd25519Signer(seed(join(folder, 'issuer.key'))))
}

/** Signs with a key of its own under the issuer's name: only the signature check tells. */
export function createForgedMint(folder: string): BadgeMint {
  return createMint(folder, createNodeEd25519Signer(randomBytes(32)))
}

function createMint(folder: string, signer: Ed25519Signer): BadgeMint {
  const jwks = JSON.parse(readFileSync(join(folder, 'jwks.json'), 'utf8')) as { keys: { kid: string }[] }
  const kid = jwks.keys[0]?.kid
  if (kid === undefined) throw new Error(`${folder}/jwks.json has no key`)
  const { publicKey } = createNodeEd25519Signer(seed(join(folder, 'agent.key')))
  const issuedAt = Math.floor(Date.now() / 1000)
  return () =>
    issueBadge(
      {
        jti: crypto.randomUUID(),
        issuer: DEV_ISSUER,
        subject: 'did:web:registry.capiscio.invalid:agents:bench',
        level: 2,
        issuedAt,
        expiresAt: issuedAt + 12 * 60 * 60,
        subjectKey: publicKey,
        domain: 'agents.example.invalid',
      },
      kid,
      signer,
    )
}

function seed(path: string): Uint8Array {
  const bytes = decodeBase64url(readFileSync(path, 'utf8').trim())
  if (bytes === undefined) throw new Error(`${path} does not hold a key`)
  return bytes
}
