import type { Ed25519Verifier } from '../../ports/ed25519.ts'
import type { Es256Verifier } from '../../ports/es256.ts'
import { didKeyKid, parseDidKey } from '../did/did-key.ts'
import { keyThumbprint } from '../did/key-thumbprint.ts'
import type { IssuerKeySets, IssuerKeys } from '../trust/issuer-key-sets.ts'
import { type IssuerKey, selectIssuerKeys } from '../trust/jwks.ts'
import { TrustRefused } from '../trust/trust-refused.ts'
import { BadgeRefused, refuseIfUnavailable } from './badge-refused.ts'
import { type SignedParts, signedPartsOf } from './compact-jws.ts'
import type { UnverifiedBadge } from './parse-badge.ts'
import { type StepObserver, UNOBSERVED } from './verification-steps.ts'

/** That one key signed one token. */
export interface SignatureProof {
  /** RFC 7638, of the key that signed. */
  readonly keyThumbprint: string
  /** The version of the issuer's key set in which the key was found; none at level 0. */
  readonly keySetVersion: string | undefined
}

export interface SignatureSources {
  readonly ed25519: Ed25519Verifier
  /** Absent where ES256 is not enabled. */
  readonly es256?: Es256Verifier
  readonly issuerKeys: IssuerKeySets
}

/**
 * Steps 4 and 5 of badges.md §8.2: finds the keys that may have signed the badge and
 * checks the signature over the received bytes.
 *
 * An earlier proof for the same token saves the arithmetic, never the look at the issuer's
 * current keys: it counts only while the key that signed is still one of those that would
 * be tried now.
 *
 * @param badge parsed from `token`, its issuer trusted
 * @throws {BadgeRefused} BADGE_ISSUER_UNTRUSTED when there are no keys to be had,
 *   BADGE_SIGNATURE_INVALID
 */
export async function proveSignature(
  token: string,
  badge: UnverifiedBadge,
  earlier: SignatureProof | undefined,
  sources: SignatureSources,
  observer: StepObserver = UNOBSERVED,
): Promise<SignatureProof> {
  if (badge.level === 0) {
    observer.skipped('4a', 'A self-signed badge brings its own key.')
    observer.at('4b')
    return earlier ?? proveSelfSigned(token, badge, sources.ed25519, observer)
  }
  observer.skipped('4b', 'Only self-signed badges bring their own key.')
  observer.at('4a')
  const { issuerKeys } = sources
  const current = await available(issuerKeys.current(badge.issuer), badge.issuer)
  if (earlier !== undefined && earlier.keySetVersion === current.version) return earlier

  const { version, candidates } = await candidatesFor(badge, current, issuerKeys)
  const signer =
    candidates.find(({ thumbprint }) => thumbprint === earlier?.keyThumbprint) ??
    findSigner(token, candidates, sources, observer)
  return { keyThumbprint: signer.thumbprint, keySetVersion: version }
}

/** Step 4b: the key is inside the issuer, and the header may not name another. */
function proveSelfSigned(
  token: string,
  { issuer, kid, algorithm }: UnverifiedBadge,
  ed25519: Ed25519Verifier,
  observer: StepObserver,
): SignatureProof {
  if (algorithm !== 'EdDSA') throw signatureInvalid('its header names another algorithm than its issuer has')
  if (kid !== undefined && kid !== didKeyKid(issuer)) {
    throw signatureInvalid('its header names a key that its issuer does not have')
  }
  const publicKey = parseDidKey(issuer)
  observer.at('5')
  const { signingInput, signature } = signedPartsOf(token)
  if (!ed25519.verify(publicKey, signingInput, signature)) throw signatureInvalid('its signature does not match')
  return { keyThumbprint: keyThumbprint(publicKey), keySetVersion: undefined }
}

/** Step 4a. A key id that is not there may be new: the issuer is asked once more. */
async function candidatesFor(
  { issuer, kid, algorithm }: UnverifiedBadge,
  current: IssuerKeys,
  issuerKeys: IssuerKeySets,
): Promise<{ version: string; candidates: readonly IssuerKey[] }> {
  const candidates = selectIssuerKeys(current.keys, { kid, algorithm })
  const isKnown = kid === undefined || current.keys.some((key) => key.kid === kid)
  if (isKnown) return { version: current.version, candidates }
  const fresh = await available(issuerKeys.freshenedFor(issuer, kid), issuer)
  return { version: fresh.version, candidates: selectIssuerKeys(fresh.keys, { kid, algorithm }) }
}

function findSigner(
  token: string,
  candidates: readonly IssuerKey[],
  verifiers: Pick<SignatureSources, 'ed25519' | 'es256'>,
  observer: StepObserver,
): IssuerKey {
  if (candidates.length === 0) throw signatureInvalid('its issuer has no such key')
  observer.at('5')
  const parts = signedPartsOf(token)
  const signer = candidates.find((key) => isSignedBy(key, parts, verifiers))
  if (signer === undefined) throw signatureInvalid('its signature does not match')
  return signer
}

/** By the algorithm of the key, which is that of the badge: a token does not choose how a key is used. */
function isSignedBy(
  key: IssuerKey,
  { signingInput, signature }: SignedParts,
  { ed25519, es256 }: Pick<SignatureSources, 'ed25519' | 'es256'>,
): boolean {
  switch (key.algorithm) {
    case 'EdDSA':
      return ed25519.verify(key.publicKey, signingInput, signature)
    case 'ES256':
      return es256?.verify(key.publicKey, signingInput, signature) === true
  }
}

async function available(keys: Promise<IssuerKeys>, issuer: string): Promise<IssuerKeys> {
  try {
    return await refuseIfUnavailable(keys, 'BADGE_ISSUER_UNTRUSTED', `The keys of ${issuer} cannot be had now.`)
  } catch (cause) {
    if (!(cause instanceof TrustRefused)) throw cause
    throw new BadgeRefused('BADGE_ISSUER_UNTRUSTED', `The key set of ${issuer} is unusable.`, { cause })
  }
}

function signatureInvalid(reason: string): BadgeRefused {
  return new BadgeRefused('BADGE_SIGNATURE_INVALID', `The badge is not genuine: ${reason}.`)
}
