import { didKeyKid, parseDidKey } from '../did/did-key.ts'
import { issuerOriginOf } from '../did/did-web.ts'
import type { Ed25519PublicKey } from '../did/ed25519-public-key.ts'
import { parseIssuerOrigin } from './issuer-origin.ts'
import { TrustRefused } from './trust-refused.ts'

/** A public key that the operator pinned. The two kinds are kept apart: neither stands in for the other. */
export type TrustedKey = TrustedIssuerKey | TrustedAgentKey

/** A key that badges of levels 1 to 4 of one issuer may be signed with. */
export interface TrustedIssuerKey extends TrustedKeyDetails {
  readonly kind: 'issuer'
  /** HTTPS origin without final slash. */
  readonly issuer: string
  /** What badges call the key. */
  readonly kid: string
  readonly publicKey: Ed25519PublicKey
}

/** A did:key whose self-signed badges count, as if the configuration listed it. */
export interface TrustedAgentKey extends TrustedKeyDetails {
  readonly kind: 'agent'
  readonly did: string
  /** The only key id of the did:key. */
  readonly kid: string
  readonly publicKey: Ed25519PublicKey
}

export interface TrustedKeyDetails {
  readonly addedAtMs: number
  /** Whatever whoever added the key wanted to remember. Decides nothing. */
  readonly metadata: ReadonlyMap<string, string>
}

/** Longest key id, in characters. */
const MAX_KID_LENGTH = 512

/** Names and values of metadata together, in characters. */
const MAX_METADATA_LENGTH = 4096

/**
 * Pins a key of an issuer.
 *
 * @param issuer an HTTPS origin, or `did:web:HOST`, which stands for one
 * @throws {TrustRefused} TRUST_ISSUER_INVALID, TRUST_KEY_ID_INVALID, TRUST_METADATA_INVALID
 */
export function trustIssuerKey(
  issuer: string,
  kid: string,
  publicKey: Ed25519PublicKey,
  details: TrustedKeyDetails,
): TrustedIssuerKey {
  checkKid(kid)
  checkMetadata(details.metadata)
  return { kind: 'issuer', issuer: parseTrustedIssuer(issuer), kid, publicKey, ...details }
}

/**
 * Pins the key of one agent, which is all that its did:key says.
 *
 * @throws {DidRefused} for anything but a sound did:key
 * @throws {TrustRefused} TRUST_METADATA_INVALID
 */
export function trustAgentKey(did: string, details: TrustedKeyDetails): TrustedAgentKey {
  checkMetadata(details.metadata)
  return { kind: 'agent', did, kid: didKeyKid(did), publicKey: parseDidKey(did), ...details }
}

/**
 * The origin of an issuer, however an operator writes it.
 *
 * @throws {TrustRefused} TRUST_ISSUER_INVALID
 */
export function parseTrustedIssuer(text: string): string {
  const issuer = parseIssuerOrigin(text) ?? issuerOriginOf(text)
  if (issuer !== undefined) return issuer
  throw new TrustRefused(
    'TRUST_ISSUER_INVALID',
    'The key of an issuer is kept under an HTTPS origin such as https://registry.example.com, or did:web:HOST',
  )
}

/** Whose key it is: the issuer's origin, or the agent's did:key. */
export function ownerOf(key: TrustedKey): string {
  return key.kind === 'issuer' ? key.issuer : key.did
}

function checkKid(kid: string): void {
  // Control characters could rewrite what a person sees in a list of keys.
  if (kid !== '' && kid.length <= MAX_KID_LENGTH && kid.isWellFormed() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(kid))
    return
  throw new TrustRefused(
    'TRUST_KEY_ID_INVALID',
    `A key id has 1 to ${MAX_KID_LENGTH} characters and no control characters: give the key a kid that badges name`,
  )
}

function checkMetadata(metadata: ReadonlyMap<string, string>): void {
  let length = 0
  for (const [name, value] of metadata) {
    length += name.length + value.length
    // A file holds UTF-8: half a surrogate pair would come back as something else.
    if (!name.isWellFormed() || !value.isWellFormed()) length = Number.POSITIVE_INFINITY
  }
  if (length <= MAX_METADATA_LENGTH) return
  throw new TrustRefused(
    'TRUST_METADATA_INVALID',
    `Metadata is well-formed text of at most ${MAX_METADATA_LENGTH} characters altogether: keep the rest elsewhere`,
  )
}
