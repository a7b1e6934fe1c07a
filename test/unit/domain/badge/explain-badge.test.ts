import { describe, expect, it } from 'vitest'
import { type ExplainedStep, explainBadge } from '../../../../core/src/domain/badge/explain-badge.ts'
import { VERIFICATION_STEPS } from '../../../../core/src/domain/badge/verification-steps.ts'
import {
  type BadgeWorld,
  createBadgeWorld,
  demandsOf,
  HEADER,
  ISSUER,
  JTI,
  NOW,
  RULES,
  SUBJECT,
  vcOf,
} from '../../../fakes/badge-world.ts'

const IDS: readonly string[] = VERIFICATION_STEPS.map(({ id }) => id)
const TRUSTING = demandsOf({ acceptLevelZero: true })

const explain = (world: BadgeWorld, token: string, demands = TRUSTING) =>
  explainBadge(token, demands, world.sources(), RULES)

const outcomes = (steps: readonly ExplainedStep[]) => Object.fromEntries(steps.map(({ id, outcome }) => [id, outcome]))

const confirmed = (world: BadgeWorld) => world.ca.sign(HEADER, world.confirmedPayload())

describe('a badge that counts', () => {
  it('passes every step that applies, in the order of the specification', async () => {
    const world = createBadgeWorld()
    const { steps, result } = await explain(world, confirmed(world))
    expect(steps.map(({ id }) => id)).toEqual(IDS)
    expect(outcomes(steps)).toEqual({ ...Object.fromEntries(IDS.map((id) => [id, 'passed'])), '4b': 'skipped' })
    expect(steps.every(({ title, code }) => title !== '' && code === undefined)).toBe(true)
    expect(result).toMatchObject({ ok: true, badge: { jti: JTI, subject: SUBJECT, level: 2, ial: 1 } })
  })

  it('skips the confirmation of its key at ial 0, and says why', async () => {
    const world = createBadgeWorld()
    const { steps } = await explain(world, world.badge())
    expect(steps.filter(({ outcome }) => outcome === 'skipped')).toEqual([
      expect.objectContaining({ id: '4b', detail: 'Only self-signed badges bring their own key.' }),
      expect.objectContaining({ id: '7', detail: 'At ial "0" no key was confirmed.' }),
    ])
  })

  it('skips what needs an issuer when it is self-signed', async () => {
    const world = createBadgeWorld()
    const { steps, result } = await explain(world, world.selfSigned())
    expect(result.ok).toBe(true)
    expect(steps.filter(({ outcome }) => outcome === 'skipped').map(({ id }) => id)).toEqual(['4a', '7', '8', '9'])
    expect(outcomes(steps)).toMatchObject({ '4b': 'passed', 5: 'passed', '6e': 'passed' })
  })
})

describe('a badge that is refused', () => {
  const INVALID = 'BADGE_CLAIMS_INVALID'
  const cnf = { kid: `${SUBJECT}#key-1` }

  it.each<[string, string, (world: BadgeWorld) => string]>([
    ['1', 'BADGE_MALFORMED', () => 'not.a'],
    ['1', 'BADGE_MALFORMED', () => 'a'.repeat(16_385)],
    ['2', 'BADGE_MALFORMED', ({ ca }) => ca.signRaw('x', 'y')],
    ['3a', 'BADGE_MALFORMED', (world) => world.badge({}, { typ: 'pop+jws' })],
    ['3b', INVALID, (world) => world.badge({ jti: undefined })],
    ['3b', INVALID, (world) => world.badge({ aud: ISSUER })],
    ['3c', INVALID, (world) => world.badge({ vc: vcOf('5') })],
    ['3d', INVALID, (world) => world.badge({ ial: '2' })],
    ['3d', INVALID, (world) => world.badge({ ial: undefined })],
    ['3e', INVALID, (world) => world.badge({ ial: '1' })],
    ['3f', INVALID, (world) => world.badge({ cnf })],
    ['3g', INVALID, (world) => world.selfSigned({ ial: '1', cnf })],
    ['3h', INVALID, (world) => world.badge({ key: undefined })],
    ['3i', INVALID, (world) => world.badge({ sub: 'agent' })],
    ['3i', INVALID, (world) => world.badge({ vc: vcOf('2') })],
    ['3i', INVALID, (world) => world.badge({ vc: vcOf('0') })],
    ['3i', INVALID, (world) => world.ca.sign(HEADER, world.confirmedPayload({ cnf: { kid: 'did:web:b.example#1' } }))],
    ['4-pre', 'BADGE_ISSUER_UNTRUSTED', (world) => world.badge({ iss: 'https://other.example' })],
    ['4a', 'BADGE_SIGNATURE_INVALID', (world) => world.badge({}, { kid: 'ca-9' })],
    ['4b', 'BADGE_SIGNATURE_INVALID', (world) => world.selfSigned({}, { kid: 'ca-1' })],
    ['5', 'BADGE_SIGNATURE_INVALID', (world) => world.agent.sign(HEADER, world.payload())],
    ['5', 'BADGE_SIGNATURE_INVALID', (world) => world.selfSigned().replace(/\.[^.]*$/, `.${'A'.repeat(86)}`)],
    ['6a', 'BADGE_EXPIRED', (world) => world.badge({ iat: NOW - 600, exp: NOW - 300 })],
    ['6b', 'BADGE_NOT_YET_VALID', (world) => world.badge({ iat: NOW + 61 })],
    ['6c', 'BADGE_NOT_YET_VALID', (world) => world.badge({ nbf: NOW + 61 })],
    ['6e', 'BADGE_AUDIENCE_MISMATCH', (world) => world.badge({ aud: [] })],
  ])('at step %s with %s', async (step, code, tokenOf) => {
    const world = createBadgeWorld()
    const { steps, result } = await explain(world, tokenOf(world))
    const at = IDS.indexOf(step)
    expect(steps[at]).toMatchObject({ id: step, outcome: 'failed', code })
    expect(steps.slice(0, at).every(({ outcome }) => outcome === 'passed' || outcome === 'skipped')).toBe(true)
    expect(steps.slice(at + 1).every(({ outcome }) => outcome === 'not-reached' || outcome === 'skipped')).toBe(true)
    if (result.ok) throw new Error('accepted')
    expect(result.refused).toMatchObject({ name: 'BadgeRefused', code })
    expect(steps[at]?.detail).toBe(result.refused.message)
  })

  it.each<[string, string, (world: BadgeWorld) => void]>([
    ['4a', 'BADGE_ISSUER_UNTRUSTED', (world) => world.issuerKeys.takeAway(ISSUER)],
    ['7', INVALID, (world) => world.didDocuments.documents.clear()],
    ['8', 'BADGE_REVOKED', (world) => void world.status.revoked.add(JTI)],
    ['8', 'REVOCATION_CHECK_FAILED', (world) => void world.status.unanswerable.add('isRevoked')],
    ['9', 'BADGE_AGENT_DISABLED', (world) => void world.status.disabled.add(SUBJECT)],
    ['9', 'REVOCATION_CHECK_FAILED', (world) => void world.status.unanswerable.add('isAgentActive')],
  ])('at step %s with %s, because of the world around it', async (step, code, spoil) => {
    const world = createBadgeWorld()
    spoil(world)
    const { steps, result } = await explain(world, confirmed(world))
    expect(result.ok).toBe(false)
    expect(steps.filter(({ outcome }) => outcome === 'failed')).toEqual([expect.objectContaining({ id: step, code })])
  })

  it('is explained without a part of its token', async () => {
    const world = createBadgeWorld()
    for (const token of [world.agent.sign(HEADER, world.payload()), world.badge({ key: undefined }), 'not.a.badge']) {
      const { steps } = await explain(world, token)
      const text = JSON.stringify(steps)
      for (const part of token.split('.')) if (part.length > 8) expect(text).not.toContain(part)
    }
  })
})

it('is not an explanation of a fault: what is broken inside is thrown on', async () => {
  const world = createBadgeWorld()
  const fault = new Error('the disk is gone')
  world.status.isRevoked = () => Promise.reject(fault)
  await expect(explain(world, world.badge())).rejects.toBe(fault)
})
