import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toMultibaseKey } from '../../../../core/src/domain/did/multibase-key.ts'
import {
  AUDIENCE,
  type BadgeWorld,
  createBadgeWorld,
  demandsOf,
  didDocument,
  HEADER,
  ISSUER,
  JTI,
  NOW,
  SUBJECT,
  vcOf,
} from '../../../fakes/badge-world.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const OTHER_ISSUER = 'https://other.example'
const OTHER_JTI = JTI.replace('550e', '660f')
const NEXT_CA = createFakeIssuer('ca-2', 9)
const THIEF = createFakeIssuer('ca-1', 8)

/** Good and bad tokens that resemble each other. */
function tokensOf(world: BadgeWorld): readonly string[] {
  const { ca, agentDidKey } = world
  const cnf = { kid: `${agentDidKey}#${agentDidKey.slice(8)}` }
  const [header, payload] = world.badge().split('.')
  return [
    world.badge(),
    world.badge({ jti: OTHER_JTI }),
    world.badge({ aud: undefined }),
    world.badge({ aud: [] }),
    world.badge({ aud: ['https://rule.example', AUDIENCE] }),
    world.badge({ iss: OTHER_ISSUER }),
    world.badge({ vc: vcOf('4', { domain: 'a.example' }) }),
    world.badge({ exp: NOW + 60 }),
    world.badge({ nbf: NOW + 120 }),
    world.badge({}, { kid: undefined }),
    world.badge({}, { kid: 'ca-2' }),
    NEXT_CA.sign({ ...HEADER, kid: 'ca-2' }, world.payload()),
    THIEF.sign(HEADER, world.payload()),
    `${header}.${payload}.${THIEF.sign(HEADER, world.payload()).split('.')[2]}`,
    ca.sign(HEADER, world.confirmedPayload()),
    ca.sign(HEADER, world.confirmedPayload({ sub: agentDidKey, cnf })),
    ca.sign(HEADER, world.confirmedPayload({ sub: `${SUBJECT}0`, cnf: { kid: `${SUBJECT}0#key-1` } })),
    world.selfSigned(),
    world.selfSigned({ aud: [AUDIENCE] }),
    world.selfSigned({}, { kid: undefined }),
    'not.a.badge',
  ]
}

const KEY_SETS: readonly ((world: BadgeWorld) => readonly object[] | undefined)[] = [
  (world) => [world.ca.jwk],
  (world) => [world.ca.jwk, NEXT_CA.jwk],
  () => [NEXT_CA.jwk],
  (world) => [THIEF.jwk, world.ca.jwk],
  () => [THIEF.jwk],
  (world) => [{ ...world.ca.jwk, kid: 'ca-2' }],
  () => [],
  () => undefined,
]

const decision = fc.record({
  kind: fc.constant('decide' as const),
  token: fc.nat(20),
  issuers: fc.subarray([ISSUER, OTHER_ISSUER]),
  narrowTo: fc.subarray([ISSUER, OTHER_ISSUER, 'did:web:other.example', 'unknown']),
  acceptLevelZero: fc.boolean(),
  requestAcceptsLevelZero: fc.boolean(),
  own: fc.subarray([AUDIENCE, 'https://me.example']),
  required: fc.boolean(),
  alsoOneOf: fc.array(fc.subarray([AUDIENCE, 'https://rule.example']), { maxLength: 2 }),
})

/** The same decision, likely to be allowed: without it most decisions would stop at trust. */
const likely = fc.record({
  kind: fc.constant('decide' as const),
  token: fc.nat(20),
  issuers: fc.constant([ISSUER, OTHER_ISSUER]),
  narrowTo: fc.constant([]),
  acceptLevelZero: fc.constant(true),
  requestAcceptsLevelZero: fc.constant(true),
  own: fc.constant([AUDIENCE]),
  required: fc.constant(false),
  alsoOneOf: fc.constant([]),
})

const change = fc.oneof(
  fc.record({
    kind: fc.constant('clock' as const),
    ms: fc.constantFrom(-120_000, -1, 1, 1_000, 59_999, 60_000, 240_000),
  }),
  fc.record({
    kind: fc.constant('keys' as const),
    issuer: fc.constantFrom(ISSUER, OTHER_ISSUER),
    set: fc.nat(KEY_SETS.length - 1),
  }),
  fc.record({ kind: fc.constant('revoked' as const), jti: fc.constantFrom(JTI, OTHER_JTI), now: fc.boolean() }),
  fc.record({
    kind: fc.constant('disabled' as const),
    did: fc.constantFrom(SUBJECT, `${SUBJECT}0`),
    now: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('outage' as const),
    of: fc.constantFrom('isRevoked' as const, 'isAgentActive' as const),
    now: fc.boolean(),
  }),
)

const step = fc.oneof(
  { arbitrary: likely, weight: 5 },
  { arbitrary: decision, weight: 5 },
  { arbitrary: change, weight: 3 },
)

function apply(world: BadgeWorld, { ...next }: typeof change extends fc.Arbitrary<infer T> ? T : never): void {
  const put = <T>(set: Set<T>, value: T, now: boolean): unknown => (now ? set.add(value) : set.delete(value))
  switch (next.kind) {
    case 'clock':
      // The monotonic clock moves on in any case.
      world.clock.setWall(world.clock.nowMs() + next.ms)
      break
    case 'keys': {
      const keys = KEY_SETS[next.set]?.(world)
      if (keys === undefined) world.issuerKeys.takeAway(next.issuer)
      else world.issuerKeys.publish(next.issuer, keys)
      break
    }
    case 'revoked':
      put(world.status.revoked, next.jti, next.now)
      break
    case 'disabled':
      put(world.status.disabled, next.did, next.now)
      break
    case 'outage':
      put(world.status.unanswerable, next.of, next.now)
      break
  }
}

describe('a verifier that remembers', () => {
  it('decides like one that does not, whatever happens between decisions', async () => {
    const tally = new Map<string, number>()
    let hits = 0
    const run = fc.record({
      cacheMaxEntries: fc.constantFrom(1, 3, 1000),
      steps: fc.array(step, { minLength: 20, maxLength: 60 }),
    })
    await fc.assert(
      fc.asyncProperty(run, async ({ cacheMaxEntries, steps }) => {
        const world = createBadgeWorld()
        world.issuerKeys.publish(OTHER_ISSUER, [world.ca.jwk])
        const document = didDocument(`${SUBJECT}0`, toMultibaseKey(world.ca.publicKey))
        world.didDocuments.documents.set(`${SUBJECT}0`, document)
        const tokens = tokensOf(world)
        const remembering = world.verifier({ cacheMaxEntries })
        const forgetful = world.verifier({ cacheMaxEntries: 0 })

        for (const next of steps) {
          if (next.kind !== 'decide') {
            apply(world, next)
            continue
          }
          const wide = demandsOf(next)
          const demands = { ...wide, issuers: wide.issuers.narrow(next.narrowTo, next.requestAcceptsLevelZero) }
          const token = tokens[next.token] ?? ''
          const expected = withoutCacheHit(await rejectionOf(forgetful.verify(token, demands)))
          const actual = await rejectionOf(remembering.verify(token, demands))
          expect(withoutCacheHit(actual)).toEqual(expected)

          const name = typeof expected === 'string' ? expected : 'accepted'
          tally.set(name, (tally.get(name) ?? 0) + 1)
          if (world.events.hits.at(-1)) hits++
        }
      }),
      { numRuns: 250 },
    )
    // The comparison means something only if everything occurred.
    const total = [...tally.values()].reduce((a, b) => a + b, 0)
    expect(total).toBeGreaterThan(2000)
    expect(hits).toBeGreaterThan(200)
    expect([...tally.keys()].toSorted()).toEqual([
      'BadgeRefused BADGE_AGENT_DISABLED',
      'BadgeRefused BADGE_AUDIENCE_MISMATCH',
      'BadgeRefused BADGE_CLAIMS_INVALID',
      'BadgeRefused BADGE_EXPIRED',
      'BadgeRefused BADGE_ISSUER_UNTRUSTED',
      'BadgeRefused BADGE_MALFORMED',
      'BadgeRefused BADGE_NOT_YET_VALID',
      'BadgeRefused BADGE_REVOKED',
      'BadgeRefused BADGE_SIGNATURE_INVALID',
      'BadgeRefused REVOCATION_CHECK_FAILED',
      'accepted',
    ])
  })
})

function withoutCacheHit(outcome: unknown): unknown {
  if (typeof outcome !== 'object' || outcome === null || !('returned' in outcome)) return outcome
  const { cacheHit: _, ...facts } = outcome.returned as Record<string, unknown>
  return facts
}
