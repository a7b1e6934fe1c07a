import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeBase64url } from '../../core/src/lib/base64url.ts'
import { createFakeEs256Issuer } from '../fakes/es256-issuer.ts'
import { createFakeIssuer } from '../fakes/issuer.ts'

/**
 * Writes the badge vectors in `test/vectors/badges`. Keys come from fixed seeds and Ed25519 is
 * deterministic, so a second run writes the same bytes. Run it with
 * `node test/tools/make-badge-vectors.ts`.
 */

const FOLDER = join(import.meta.dirname, '..', 'vectors', 'badges')

type Members = Record<string, unknown>

/** The world in which a token is judged. Every member is described in README.md. */
export interface BadgeVectorSetting {
  readonly now: number
  readonly trustedIssuers: readonly string[]
  readonly levelZeroKeys: readonly string[]
  readonly audience: readonly string[]
  readonly requireAudience: boolean
  readonly rejectReservedIssuers: boolean
  readonly acceptLevelZero: boolean
  readonly requireKey: boolean
  readonly allowMissingTyp: boolean
  readonly allowEs256: boolean
  readonly jwks: Readonly<Record<string, { readonly keys: readonly object[] }>>
  readonly didDocuments: Readonly<Record<string, object>>
  readonly revoked: readonly string[]
  readonly inactiveAgents: readonly string[]
  readonly unanswered: readonly ('revocation' | 'agent-status')[]
}

export interface BadgeVector extends Partial<BadgeVectorSetting> {
  readonly id: string
  readonly comment: string
  readonly token: string
  readonly expected: string
  /** Claims that the verifier reports; accepted tokens only. */
  readonly claims?: Members
}

export interface BadgeVectorFile {
  readonly setting: BadgeVectorSetting
  readonly vectors: readonly BadgeVector[]
}

const NOW = 1_733_788_800
const ISSUER = 'https://registry.capisc.invalid'
const SUBJECT = 'did:web:example.invalid:agents:my-agent'
const KID = `${SUBJECT}#key-1`
const ROOT_SUBJECT = 'did:web:example.invalid'
const AUDIENCE = 'https://api.example.invalid'
const JTI = '550e8400-e29b-41d4-a716-446655440000'

/** RFC 8037 appendix A. */
const AGENT_DID = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
const AGENT_MULTIBASE = AGENT_DID.slice('did:key:'.length)
const agent = createFakeIssuer('agent', Buffer.from('nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', 'base64url'))
const ca = createFakeIssuer('ca-key-2025-01', 1)
const nextCa = createFakeIssuer('ca-key-2025-02', 2)
const thief = createFakeIssuer('ca-key-2025-01', 3)
const ecCa = createFakeEs256Issuer('ca-key-2025-ec', 1n)

const KEY = { kty: 'OKP', crv: 'Ed25519', x: agent.jwk.x }
const HEADER = { alg: 'EdDSA', typ: 'JWT', kid: ca.kid }

const vc = (level: unknown, subject: Members = { domain: 'finance.example.invalid' }): Members => ({
  type: ['VerifiableCredential', 'AgentIdentity'],
  credentialSubject: { ...subject, level },
})

const claims = (changes: Members = {}): Members => ({
  jti: JTI,
  iss: ISSUER,
  sub: SUBJECT,
  aud: [AUDIENCE],
  iat: NOW,
  exp: NOW + 300,
  ial: '0',
  key: KEY,
  vc: vc('2'),
  ...changes,
})

const confirmed = (changes: Members = {}): Members => claims({ ial: '1', cnf: { kid: KID }, ...changes })

const selfSigned = (changes: Members = {}): Members => ({
  jti: JTI,
  iss: AGENT_DID,
  sub: AGENT_DID,
  iat: NOW,
  exp: NOW + 300,
  ial: '0',
  key: KEY,
  vc: vc('0', {}),
  ...changes,
})

const byCa = (payload: Members, header: Members = {}): string => ca.sign({ ...HEADER, ...header }, payload)

const byAgent = (payload: Members, header: Members = {}): string =>
  agent.sign({ ...HEADER, kid: `${AGENT_DID}#${AGENT_MULTIBASE}`, ...header }, payload)

const byEcCa = (payload: Members, header: Members = {}): string =>
  ecCa.sign({ ...HEADER, alg: 'ES256', kid: ecCa.kid, ...header }, payload)

const didDocument = (id: string, kid: string, publicKeyMultibase: string): object => ({
  '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/suites/ed25519-2020/v1'],
  id,
  verificationMethod: [{ id: kid, type: 'Ed25519VerificationKey2020', controller: id, publicKeyMultibase }],
  authentication: [kid],
})

const SETTING: BadgeVectorSetting = {
  now: NOW,
  trustedIssuers: [ISSUER],
  levelZeroKeys: [],
  audience: [AUDIENCE],
  requireAudience: false,
  rejectReservedIssuers: false,
  acceptLevelZero: false,
  requireKey: true,
  allowMissingTyp: false,
  allowEs256: false,
  jwks: { [ISSUER]: { keys: [ca.jwk] } },
  didDocuments: { [SUBJECT]: didDocument(SUBJECT, KID, AGENT_MULTIBASE) },
  revoked: [],
  inactiveAgents: [],
  unanswered: [],
}

const accepted = (level: number, ial = 0): Pick<BadgeVector, 'expected' | 'claims'> => ({
  expected: 'ACCEPT',
  claims: {
    jti: JTI,
    issuer: level === 0 ? AGENT_DID : ISSUER,
    subject: level === 0 ? AGENT_DID : SUBJECT,
    level,
    ial,
  },
})

const ecSetting = { allowEs256: true, jwks: { [ISSUER]: { keys: [ca.jwk, ecCa.jwk] } } }

const levelZero = { levelZeroKeys: [AGENT_DID] }

const RFC_002: readonly BadgeVector[] = [
  {
    id: 'TV-001',
    comment: 'aud is a text, not an array',
    token: byCa(claims({ aud: AUDIENCE })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'TV-002',
    comment: 'level 0 with ial 1',
    token: byAgent(selfSigned({ ial: '1', cnf: { kid: `${AGENT_DID}#${AGENT_MULTIBASE}` } })),
    ...levelZero,
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'TV-003',
    comment: 'ial 0 with cnf',
    token: byCa(claims({ cnf: { kid: KID } })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  { id: 'TV-004', comment: 'ial 1 without cnf', token: byCa(claims({ ial: '1' })), expected: 'BADGE_CLAIMS_INVALID' },
  {
    id: 'TV-005',
    comment: 'cnf.kid names no verification method',
    token: byCa(confirmed({ cnf: { kid: `${SUBJECT}#key-2` } })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'TV-006',
    comment: 'the key under cnf.kid is not the key in the badge',
    token: byCa(confirmed()),
    didDocuments: { [SUBJECT]: didDocument(SUBJECT, KID, 'z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK') },
    expected: 'BADGE_CLAIMS_INVALID',
  },
  { id: 'TV-007', comment: 'jti revoked', token: byCa(claims()), revoked: [JTI], expected: 'BADGE_REVOKED' },
  {
    id: 'TV-008',
    comment: 'agent not active',
    token: byCa(claims()),
    inactiveAgents: [SUBJECT],
    expected: 'BADGE_AGENT_DISABLED',
  },
  {
    id: 'TV-009',
    comment: 'expired beyond the tolerance',
    token: byCa(claims()),
    now: NOW + 360,
    expected: 'BADGE_EXPIRED',
  },
  {
    id: 'TV-010',
    comment: 'issuer not trusted',
    token: byCa(claims()),
    trustedIssuers: ['https://other.invalid'],
    expected: 'BADGE_ISSUER_UNTRUSTED',
  },
  {
    id: 'TV-011',
    comment: 'signed by another key of the same name',
    token: thief.sign(HEADER, claims()),
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'TV-012',
    comment: 'level 0: the golden badge, byte for byte',
    token: byAgent(selfSigned()),
    ...levelZero,
    ...accepted(0),
  },
  ...[1, 2, 3, 4].map((level) => ({
    id: `TV-0${12 + level}`,
    comment: `level ${level}`,
    token: byCa(claims({ vc: vc(String(level)) })),
    ...accepted(level),
  })),
]

const [goodHeader = '', goodPayload = '', goodSignature = ''] = byCa(claims()).split('.')
const json = JSON.stringify(claims())

const FURTHER: readonly BadgeVector[] = [
  {
    id: 'typ-missing',
    comment: 'header without typ',
    token: byCa(claims(), { typ: undefined }),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'typ-other',
    comment: 'badge JSON signed as a handshake proof',
    token: byAgent(selfSigned(), { typ: 'pop+jws' }),
    ...levelZero,
    expected: 'BADGE_MALFORMED',
  },
  { id: 'alg-none', comment: 'alg none', token: byCa(claims(), { alg: 'none' }), expected: 'BADGE_MALFORMED' },
  {
    id: 'alg-es256',
    comment: 'another alg than the key has',
    token: byCa(claims(), { alg: 'ES256' }),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'crit',
    comment: 'a critical extension',
    token: byCa(claims(), { crit: ['exp'] }),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'b64',
    comment: 'an unencoded payload (RFC 7797)',
    token: byCa(claims(), { b64: false }),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'header-jwk',
    comment: 'keys that the header brings along play no part',
    token: thief.sign({ ...HEADER, jwk: thief.jwk, jku: 'https://evil.invalid/jwks.json' }, claims()),
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'json-serialization',
    comment: 'JWS JSON serialization',
    token: JSON.stringify({ protected: goodHeader, payload: goodPayload, signature: goodSignature }),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'no-signature',
    comment: 'empty signature',
    token: `${goodHeader}.${goodPayload}.`,
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'padding',
    comment: 'padded signature',
    token: `${goodHeader}.${goodPayload}.${goodSignature}==`,
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'trailing-bits',
    comment: 'left-over bits in the signature that are not zero: another spelling of the same bytes',
    token: `${goodHeader}.${goodPayload}.${withLeftOverBits(goodSignature)}`,
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'duplicate-name',
    comment: 'iss twice, the good one last',
    token: ca.signRaw(JSON.stringify(HEADER), json.replace('{', '{"iss":"https://evil.invalid",')),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'duplicate-name-escaped',
    comment: 'iss twice, once with an escape',
    token: ca.signRaw(JSON.stringify(HEADER), json.replace('{', '{"\\u0069ss":"https://evil.invalid",')),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'level-0-https-issuer',
    comment: 'level 0 of an HTTPS issuer',
    token: byCa(claims({ vc: vc('0') })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'level-1-did-key-issuer',
    comment: 'level 1 of a did:key',
    token: byAgent(selfSigned({ vc: vc('1') })),
    ...levelZero,
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'did-web-issuer',
    comment: 'a did:web as issuer',
    token: byCa(claims({ iss: 'did:web:registry.capisc.invalid' })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'issuer-path',
    comment: 'an issuer with a path',
    token: byCa(claims({ iss: `${ISSUER}/v1` })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'issuer-slash',
    comment: 'one final slash in iss is ignored',
    token: byCa(claims({ iss: `${ISSUER}/` })),
    ...accepted(2),
  },
  {
    id: 'level-number',
    comment: 'level is a number',
    token: byCa(claims({ vc: vc(2) })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'level-2-no-domain',
    comment: 'level 2 without domain',
    token: byCa(claims({ vc: vc('2', {}) })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  { id: 'ial-missing', comment: 'no ial', token: byCa(claims({ ial: undefined })), expected: 'BADGE_CLAIMS_INVALID' },
  { id: 'ial-number', comment: 'ial is a number', token: byCa(claims({ ial: 0 })), expected: 'BADGE_CLAIMS_INVALID' },
  {
    id: 'cnf-null',
    comment: 'ial 0 with cnf null',
    token: byCa(claims({ cnf: null })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'cnf-kid-other-subject',
    comment: 'cnf.kid of another DID',
    token: byCa(confirmed({ cnf: { kid: 'did:web:other.invalid#key-1' } })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  { id: 'key-missing', comment: 'no key', token: byCa(claims({ key: undefined })), expected: 'BADGE_CLAIMS_INVALID' },
  {
    id: 'key-private',
    comment: 'key with its private half',
    token: byCa(claims({ key: { ...KEY, d: KEY.x } })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'key-weak',
    comment: 'key is a point of small order',
    token: byCa(claims({ key: { ...KEY, x: encodeBase64url(Uint8Array.of(1, ...new Uint8Array(31))) } })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'level-0-other-key',
    comment: 'level 0 whose key is not that of its did:key',
    token: byAgent(selfSigned({ key: { kty: 'OKP', crv: 'Ed25519', x: ca.jwk.x } })),
    ...levelZero,
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'level-0-untrusted',
    comment: 'level 0 of a key that is not trusted',
    token: byAgent(selfSigned()),
    expected: 'BADGE_ISSUER_UNTRUSTED',
  },
  {
    id: 'reserved-issuer',
    comment: 'an issuer under .invalid in production',
    token: byCa(claims()),
    rejectReservedIssuers: true,
    expected: 'BADGE_ISSUER_UNTRUSTED',
  },
  {
    id: 'iat-text',
    comment: 'iat is a text',
    token: byCa(claims({ iat: String(NOW) })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'iat-fraction',
    comment: 'iat is a fraction',
    token: byCa(claims({ iat: NOW + 0.5 })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'exp-before-iat',
    comment: 'ends when it begins',
    token: byCa(claims({ exp: NOW })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  { id: 'exp-59', comment: 'exp is 59 s ago', token: byCa(claims()), now: NOW + 359, ...accepted(2) },
  { id: 'iat-60', comment: 'iat is 60 s ahead', token: byCa(claims()), now: NOW - 60, ...accepted(2) },
  { id: 'iat-61', comment: 'iat is 61 s ahead', token: byCa(claims()), now: NOW - 61, expected: 'BADGE_NOT_YET_VALID' },
  { id: 'nbf-60', comment: 'nbf is 60 s ahead', token: byCa(claims({ nbf: NOW + 60 })), ...accepted(2) },
  {
    id: 'nbf-61',
    comment: 'nbf is 61 s ahead',
    token: byCa(claims({ nbf: NOW + 61 })),
    expected: 'BADGE_NOT_YET_VALID',
  },
  {
    id: 'aud-empty',
    comment: 'aud names nobody',
    token: byCa(claims({ aud: [] })),
    expected: 'BADGE_AUDIENCE_MISMATCH',
  },
  {
    id: 'aud-other',
    comment: 'aud names somebody else',
    token: byCa(claims({ aud: ['https://other.invalid'] })),
    expected: 'BADGE_AUDIENCE_MISMATCH',
  },
  {
    id: 'aud-no-identity',
    comment: 'the verifier has no name',
    token: byCa(claims()),
    audience: [],
    expected: 'BADGE_AUDIENCE_MISMATCH',
  },
  { id: 'aud-absent', comment: 'no aud, none required', token: byCa(claims({ aud: undefined })), ...accepted(2) },
  {
    id: 'aud-absent-required',
    comment: 'no aud, one required',
    token: byCa(claims({ aud: undefined })),
    requireAudience: true,
    expected: 'BADGE_AUDIENCE_MISMATCH',
  },
  {
    id: 'kid-unknown',
    comment: 'kid of no published key',
    token: byCa(claims(), { kid: 'ca-key-2024-12' }),
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'kid-absent',
    comment: 'no kid: every key is tried',
    token: byCa(claims(), { kid: undefined }),
    jwks: { [ISSUER]: { keys: [nextCa.jwk, ca.jwk] } },
    ...accepted(2),
  },
  {
    id: 'rotation',
    comment: 'two keys are published during rotation',
    token: byCa(claims()),
    jwks: { [ISSUER]: { keys: [nextCa.jwk, ca.jwk] } },
    ...accepted(2),
  },
  {
    id: 'rotation-done',
    comment: 'the old key is gone',
    token: byCa(claims()),
    jwks: { [ISSUER]: { keys: [nextCa.jwk] } },
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'kid-twice',
    comment: 'two keys share the kid',
    token: byCa(claims()),
    jwks: { [ISSUER]: { keys: [ca.jwk, thief.jwk] } },
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'jwks-private',
    comment: 'the key is published with its private half',
    token: byCa(claims()),
    jwks: { [ISSUER]: { keys: [{ ...ca.jwk, d: 'AA' }] } },
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'jwks-missing',
    comment: 'no key set to be had',
    token: byCa(claims()),
    jwks: {},
    expected: 'BADGE_ISSUER_UNTRUSTED',
  },
  { id: 'ial-1', comment: 'ial 1, confirmed by the DID document', token: byCa(confirmed()), ...accepted(2, 1) },
  {
    id: 'ial-1-relative-id',
    comment: 'ial 1, confirmed under a relative id',
    token: byCa(confirmed()),
    didDocuments: { [SUBJECT]: didDocument(SUBJECT, '#key-1', AGENT_MULTIBASE) },
    ...accepted(2, 1),
  },
  {
    id: 'ial-1-document-of-another',
    comment: 'the DID document is about another DID',
    token: byCa(confirmed()),
    didDocuments: { [SUBJECT]: didDocument(`${SUBJECT}2`, KID, AGENT_MULTIBASE) },
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'ial-1-no-document',
    comment: 'the DID document cannot be had',
    token: byCa(confirmed()),
    didDocuments: {},
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'ial-1-did-key',
    comment: 'ial 1 of a did:key, confirmed offline',
    token: byCa(confirmed({ sub: AGENT_DID, cnf: { kid: `${AGENT_DID}#${AGENT_MULTIBASE}` } })),
    expected: 'ACCEPT',
    claims: { jti: JTI, issuer: ISSUER, subject: AGENT_DID, level: 2, ial: 1 },
  },
  {
    id: 'ial-1-root-did-web',
    comment: 'ial 1 of a did:web without path, whose document is at /.well-known/did.json',
    token: byCa(confirmed({ sub: ROOT_SUBJECT, cnf: { kid: `${ROOT_SUBJECT}#key-1` } })),
    didDocuments: { [ROOT_SUBJECT]: didDocument(ROOT_SUBJECT, `${ROOT_SUBJECT}#key-1`, AGENT_MULTIBASE) },
    expected: 'ACCEPT',
    claims: { jti: JTI, issuer: ISSUER, subject: ROOT_SUBJECT, level: 2, ial: 1 },
  },
  {
    id: 'cnf-jwk-same',
    comment: 'cnf.jwk beside cnf.kid is ignored while it equals key',
    token: byCa(confirmed({ cnf: { kid: KID, jwk: KEY } })),
    ...accepted(2, 1),
  },
  {
    id: 'cnf-jwk-other',
    comment: 'cnf.jwk is another key',
    token: byCa(confirmed({ cnf: { kid: KID, jwk: { kty: 'OKP', crv: 'Ed25519', x: ca.jwk.x } } })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'sub-ip',
    comment: 'a did:web with an IP address',
    token: byCa(claims({ sub: 'did:web:127.0.0.1:agents:a' })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'claim-in-another-case',
    comment: 'names of claims are exact: IAL is not ial',
    token: byCa(claims({ ial: undefined, IAL: '0' })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'exp-infinite',
    comment: 'exp is beyond the range of numbers',
    token: ca.signRaw(JSON.stringify(HEADER), json.replace(`"exp":${NOW + 300}`, '"exp":1e309')),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'unknown-claims',
    comment: 'unknown claims and unknown members of the subject are ignored',
    token: byCa(claims({ level: '4', vc: vc('2', { domain: 'finance.example.invalid', role: 'admin' }) })),
    ...accepted(2),
  },
  {
    id: 'vc-type-missing',
    comment: 'no vc.type from level 1 on',
    token: byCa(claims({ vc: { ...vc('1'), type: undefined } })),
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'vc-type-missing-level-0',
    comment: 'no vc.type at level 0',
    token: byAgent(selfSigned({ vc: { ...vc('0', {}), type: undefined } })),
    ...levelZero,
    ...accepted(0),
  },
  {
    id: 'too-long',
    comment: '16 385 characters',
    token: `${goodHeader}.${goodPayload}.`.padEnd(16_385, 'A'),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'typ-pop-jwt',
    comment: 'an ownership proof that reads like a badge',
    token: byAgent(selfSigned(), { typ: 'pop+jwt' }),
    ...levelZero,
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'typ-dv-grant',
    comment: 'a grant that reads like a badge',
    token: byCa(claims(), { typ: 'capiscio.dvgrant+jwt' }),
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'typ-missing-allowed',
    comment: 'header without typ where that is allowed, in development',
    token: byCa(claims(), { typ: undefined }),
    allowMissingTyp: true,
    ...accepted(2),
  },
  {
    id: 'typ-other-never-allowed',
    comment: 'another typ where a missing one is allowed',
    token: byAgent(selfSigned(), { typ: 'pop+jws' }),
    ...levelZero,
    allowMissingTyp: true,
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'key-missing-allowed',
    comment: 'no key where that is allowed, in development',
    token: byCa(claims({ key: undefined })),
    requireKey: false,
    ...accepted(2),
  },
  {
    id: 'key-missing-ial-1',
    comment: 'no key at ial 1, wherever',
    token: byCa(confirmed({ key: undefined })),
    requireKey: false,
    expected: 'BADGE_CLAIMS_INVALID',
  },
  {
    id: 'level-0-any-accepted',
    comment: 'level 0 where every self-signed badge counts, in development',
    token: byAgent(selfSigned()),
    acceptLevelZero: true,
    ...accepted(0),
  },
  {
    id: 'level-0-any-accepted-level-2',
    comment: 'level 2 where every self-signed badge counts, of an issuer that is not trusted',
    token: byCa(claims()),
    acceptLevelZero: true,
    trustedIssuers: [],
    expected: 'BADGE_ISSUER_UNTRUSTED',
  },
  {
    id: 'es256',
    comment: 'ES256, enabled',
    token: byEcCa(claims()),
    ...ecSetting,
    ...accepted(2),
  },
  {
    id: 'es256-not-enabled',
    comment: 'ES256, not enabled',
    token: byEcCa(claims()),
    ...ecSetting,
    allowEs256: false,
    expected: 'BADGE_MALFORMED',
  },
  {
    id: 'es256-with-ed25519-key',
    comment: 'ES256 under the name of an Ed25519 key',
    token: byEcCa(claims(), { kid: ca.kid }),
    ...ecSetting,
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'eddsa-with-p256-key',
    comment: 'EdDSA under the name of a P-256 key',
    token: byCa(claims(), { kid: ecCa.kid }),
    ...ecSetting,
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'es256-enabled-eddsa',
    comment: 'EdDSA where ES256 is enabled beside it',
    token: byCa(claims()),
    ...ecSetting,
    ...accepted(2),
  },
  {
    id: 'es256-forged',
    comment: 'ES256 by another key of the same name',
    token: createFakeEs256Issuer(ecCa.kid, 2n).sign({ ...HEADER, alg: 'ES256', kid: ecCa.kid }, claims()),
    ...ecSetting,
    expected: 'BADGE_SIGNATURE_INVALID',
  },
  {
    id: 'revocation-unknown',
    comment: 'whether it was revoked is not known',
    token: byCa(claims()),
    unanswered: ['revocation'],
    expected: 'REVOCATION_CHECK_FAILED',
  },
  {
    id: 'agent-status-unknown',
    comment: 'whether the agent is active is not known',
    token: byCa(claims()),
    unanswered: ['agent-status'],
    expected: 'REVOCATION_CHECK_FAILED',
  },
  {
    id: 'revoked-agent-status-unknown',
    comment: 'a known revocation wins over an unknown agent',
    token: byCa(claims()),
    revoked: [JTI],
    unanswered: ['agent-status'],
    expected: 'BADGE_REVOKED',
  },
  {
    id: 'level-0-nobody-to-ask',
    comment: 'level 0 has no issuer to ask',
    token: byAgent(selfSigned()),
    ...levelZero,
    unanswered: ['revocation', 'agent-status'],
    ...accepted(0),
  },
]

/** Sets the lowest of the bits that the last character has too many. */
function withLeftOverBits(signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return signature.slice(0, -1) + alphabet.charAt(alphabet.indexOf(signature.slice(-1)) + 1)
}

/** File names and contents. */
export function badgeVectorFiles(): ReadonlyMap<string, string> {
  const files: Record<string, BadgeVectorFile> = {
    'rfc-002.json': { setting: SETTING, vectors: RFC_002 },
    'further.json': { setting: SETTING, vectors: FURTHER },
  }
  return new Map(Object.entries(files).map(([name, file]) => [name, `${JSON.stringify(file, null, 2)}\n`]))
}

if (import.meta.main) {
  for (const [name, text] of badgeVectorFiles()) writeFileSync(join(FOLDER, name), text)
}
