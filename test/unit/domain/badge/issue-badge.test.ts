import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { type BadgeContents, issueBadge } from '../../../../core/src/domain/badge/issue-badge.ts'
import { didKeyKid, toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { createBadgeWorld, demandsOf, ISSUER, JTI, NOW, SUBJECT } from '../../../fakes/badge-world.ts'
import { fromHex, WEAK_KEYS } from '../../../tools/weak-keys.ts'

const CA = createNodeEd25519Signer(new Uint8Array(32).fill(1))
const AGENT = createNodeEd25519Signer(new Uint8Array(32).fill(2))
const AGENT_DID = toDidKey(AGENT.publicKey)

const CONTENTS: BadgeContents = {
  jti: JTI,
  issuer: ISSUER,
  subject: SUBJECT,
  level: 2,
  issuedAt: NOW,
  expiresAt: NOW + 300,
  subjectKey: AGENT.publicKey,
  domain: 'agents.example.com',
}
const SELF_SIGNED: BadgeContents = { ...CONTENTS, issuer: AGENT_DID, subject: AGENT_DID, level: 0 }

const issue = (change: Partial<BadgeContents> = {}) => issueBadge({ ...CONTENTS, ...change }, 'ca-1', CA)

describe('a badge that is issued', () => {
  it('verifies, and says what it was to say', async () => {
    const contents = fc.record({
      level: fc.constantFrom(1, 2, 3, 4) as fc.Arbitrary<1 | 2 | 3 | 4>,
      audience: fc.array(fc.webUrl(), { maxLength: 3 }),
      confirmed: fc.boolean(),
      lifetime: fc.integer({ min: 1, max: 3600 }),
    })
    await fc.assert(
      fc.asyncProperty(contents, async ({ level, audience, confirmed, lifetime }) => {
        const world = createBadgeWorld()
        const token = issue({
          level,
          audience,
          expiresAt: NOW + lifetime,
          ...(confirmed && { confirmedKeyId: `${SUBJECT}#key-1` }),
        })
        expect(await world.verifier().verify(token, demandsOf({ own: audience }))).toMatchObject({
          jti: JTI,
          issuer: ISSUER,
          subject: SUBJECT,
          level,
          ial: confirmed ? 1 : 0,
          audience: audience.length > 0 ? audience : undefined,
          issuedAt: NOW,
          expiresAt: NOW + lifetime,
          kid: 'ca-1',
        })
      }),
      { numRuns: 50 },
    )
  })

  it('verifies at level 0', async () => {
    const token = issueBadge(SELF_SIGNED, didKeyKid(AGENT_DID), AGENT)
    const badge = await createBadgeWorld()
      .verifier()
      .verify(token, demandsOf({ levelZeroKeys: [AGENT_DID] }))
    expect(badge).toMatchObject({ level: 0, ial: 0, subject: AGENT_DID })
  })

  it('leaves the audience that it was given as it is', () => {
    const audience = ['https://api.example.com']
    issue({ audience })
    expect(Object.isFrozen(audience)).toBe(false)
  })
})

describe('contents that no verifier would accept', () => {
  it.each<[string, Partial<BadgeContents>]>([
    ['an end at the beginning', { expiresAt: NOW }],
    ['a time between seconds', { issuedAt: NOW + 0.5 }],
    ['no domain at level 2', { domain: '' }],
    ['another kind of jti', { jti: 'badge-1' }],
    ['an issuer that is no origin', { issuer: `${ISSUER}/v1` }],
    ['an issuer with a final slash', { issuer: `${ISSUER}/` }],
    ['a subject that is no DID', { subject: 'agent-1' }],
    ['the confirmed key of somebody else', { confirmedKeyId: 'did:web:other.example#key-1' }],
    ['a did:key as issuer', { issuer: AGENT_DID, subject: AGENT_DID }],
  ])('are not issued: %s', (_, change) => {
    expect(() => issue(change)).toThrow(TypeError)
  })

  it.each(WEAK_KEYS)('are not issued: the weak key %s', (hex) => {
    expect(() => issue({ subjectKey: fromHex(hex) })).toThrow(TypeError)
  })

  it.each<[string, Partial<BadgeContents>, string]>([
    ['an HTTPS issuer', { issuer: ISSUER }, didKeyKid(AGENT_DID)],
    ['another subject', { subject: SUBJECT }, didKeyKid(AGENT_DID)],
    ['a confirmed key', { confirmedKeyId: didKeyKid(AGENT_DID) }, didKeyKid(AGENT_DID)],
    ['another key', { subjectKey: CA.publicKey }, didKeyKid(AGENT_DID)],
    ['another key id', {}, `${AGENT_DID}#keys-1`],
  ])('are not issued at level 0: %s', (_, change, kid) => {
    expect(() => issueBadge({ ...SELF_SIGNED, ...change }, kid, AGENT)).toThrow(TypeError)
  })
})
