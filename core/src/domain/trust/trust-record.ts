import { hex } from '@scure/base'
import { sha256 } from '../../lib/sha256.ts'
import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import type { TrustRecord } from '../../ports/trust-records.ts'
import { DidRefused } from '../did/did-refused.ts'
import { isSameKey } from '../did/ed25519-public-key.ts'
import { toPublicJwk } from '../did/key-jwk.ts'
import { parsePublicJwk } from '../did/public-jwk.ts'
import { TrustRefused } from './trust-refused.ts'
import { type TrustedKey, trustAgentKey, trustIssuerKey } from './trusted-key.ts'

/** Version of the records. A larger one is refused. */
const FORMAT_VERSION = 1

type Members = Readonly<Record<string, unknown>>

/**
 * The name that a key is kept under. Hashed, because a key id may hold any character, and
 * two key ids may not meet in one name whatever a file system makes of letters.
 */
export function trustRecordName(
  key: Pick<TrustedKey, 'kid'> & ({ readonly issuer: string } | { readonly did: string }),
): string {
  const [folder, identity] = 'issuer' in key ? ['issuers', [key.issuer, key.kid]] : ['agents', [key.did]]
  return `${folder}/${hex.encode(sha256(new TextEncoder().encode(JSON.stringify(identity))))}`
}

/** A key as it is kept. Only public members of the key exist at all. */
export function toTrustRecord(key: TrustedKey): TrustRecord {
  const record = {
    version: FORMAT_VERSION,
    ...(key.kind === 'issuer' ? { issuer: key.issuer } : { did: key.did }),
    addedAt: new Date(key.addedAtMs).toISOString(),
    jwk: toPublicJwk(key.publicKey, key.kid),
    ...(key.metadata.size > 0 && { metadata: Object.fromEntries(key.metadata) }),
  }
  return { name: trustRecordName(key), text: `${JSON.stringify(record, undefined, 2)}\n` }
}

/**
 * Reads a kept key. A record whose name is not the one that its key has was copied or
 * changed by hand, and does not count.
 *
 * @throws {TrustRefused} TRUST_RECORD_NEWER, TRUST_RECORD_MALFORMED
 */
export function parseTrustRecord({ name, text }: TrustRecord): TrustedKey {
  try {
    const key = readKey(parseStrictJsonObject(text))
    if (trustRecordName(key) !== name) throw malformed('its name belongs to another key')
    return key
  } catch (cause) {
    if (cause instanceof SyntaxError) throw malformed('it is not a JSON object with unique names', { cause })
    if (cause instanceof DidRefused) throw malformed(cause.message, { cause })
    throw cause
  }
}

function readKey({ version, issuer, did, addedAt, jwk, metadata = {} }: Members): TrustedKey {
  if (typeof version === 'number' && version > FORMAT_VERSION) {
    throw new TrustRefused(
      'TRUST_RECORD_NEWER',
      `The record has format ${version}, and this version knows ${FORMAT_VERSION}: use the newer version`,
    )
  }
  const addedAtMs = typeof addedAt === 'string' ? Date.parse(addedAt) : Number.NaN
  if (version !== FORMAT_VERSION) throw malformed('it names no known format')
  if (Number.isNaN(addedAtMs)) throw malformed('it does not say when the key was added')
  const details = { addedAtMs, metadata: readMetadata(metadata) }
  const publicKey = parsePublicJwk(jwk)
  if (typeof issuer === 'string' && did === undefined) {
    const { kid } = jwk as Members
    if (typeof kid !== 'string') throw malformed('its key has no kid')
    return trustIssuerKey(issuer, kid, publicKey, details)
  }
  if (typeof did !== 'string' || issuer !== undefined) throw malformed('it names neither an issuer nor an agent')
  const agent = trustAgentKey(did, details)
  if (!isSameKey(agent.publicKey, publicKey)) throw malformed('its two keys differ')
  return agent
}

function readMetadata(metadata: unknown): ReadonlyMap<string, string> {
  const entries = typeof metadata === 'object' && metadata !== null ? Object.entries(metadata) : [['', undefined]]
  if (!entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')) {
    throw malformed('its metadata is not a list of texts')
  }
  return new Map(entries)
}

function malformed(reason: string, options?: ErrorOptions): TrustRefused {
  return new TrustRefused(
    'TRUST_RECORD_MALFORMED',
    `The record does not count: ${reason}. Remove it and add the key again`,
    options,
  )
}
