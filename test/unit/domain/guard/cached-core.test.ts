import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AccessRequest, Credential } from '../../../../core/src/domain/guard/access-request.ts'
import type { Decision } from '../../../../core/src/domain/guard/decision.ts'
import { createAllowedToolsCompiler } from '../../../../core/src/domain/policy/allowed-tools.ts'
import { NO_POLICY } from '../../../../core/src/domain/policy/policy.ts'
import { parsePolicyFile } from '../../../../core/src/domain/policy/policy-file.ts'
import { createTrustedIssuers } from '../../../../core/src/domain/trust/trusted-issuers.ts'
import {
  AUDIENCE,
  type BadgeWorld,
  createBadgeWorld,
  HEADER,
  ISSUER,
  JTI,
  NOW,
  SUBJECT,
  vcOf,
} from '../../../fakes/badge-world.ts'
import { API_KEY, createGuardWorld, SAMPLE_RULES } from '../../../fakes/guard-world.ts'
import { createFakeIssuer } from '../../../fakes/issuer.ts'

const OTHER_ISSUER = 'https://other.example'
const OTHER_JTI = JTI.replace('550e', '660f')
const NEXT_CA = createFakeIssuer('ca-2', 9)
const THIEF = createFakeIssuer('ca-1', 8)

const compiler = createAllowedToolsCompiler({ maxLists: 64, maxCharacters: 10_000 })

/** Credentials that resemble each other, signed once for the whole test. */
const signer = createBadgeWorld()
const CREDENTIALS: readonly Credential[] = [
  { kind: 'anonymous' },
  { kind: 'apiKey', key: API_KEY },
  { kind: 'apiKey', key: 'open sesami' },
  ...[
    signer.badge(),
    signer.badge({ jti: OTHER_JTI }),
    signer.badge({ vc: vcOf('1') }),
    signer.badge({ vc: vcOf('4', { domain: 'a.example' }) }),
    signer.badge({ iss: OTHER_ISSUER }),
    signer.badge({ aud: undefined }),
    signer.badge({ aud: ['https://rule.example', AUDIENCE] }),
    signer.badge({ exp: NOW + 60 }),
    signer.badge({}, { kid: undefined }),
    NEXT_CA.sign({ ...HEADER, kid: 'ca-2' }, signer.payload()),
    THIEF.sign(HEADER, signer.payload()),
    signer.ca.sign(HEADER, signer.confirmedPayload()),
    signer.selfSigned(),
    `${signer.badge()}x`,
    '',
  ].map((token): Credential => ({ kind: 'badge', token })),
]

const POLICIES = [
  NO_POLICY,
  ...[
    'version: 1\ndefault: { minTrustLevel: 1 }\n',
    'version: 1\ntools:\n  - match: ["read_*"]\n    minTrustLevel: 2\n    issuers: ["https://registry.example.com"]\n',
    'version: 1\ndefault: {}\ntools:\n  - match: ["read_*"]\n    minIal: 1\n  - match: ["drop_*"]\n    deny: true\n',
    'version: 1\ndefault: {}\ntools:\n  - match: ["read_*"]\n    audience: ["https://rule.example"]\n    requireBadge: true\n',
  ].map((text) => parsePolicyFile(text)),
]

const KEY_SETS: readonly (readonly object[] | undefined)[] = [
  [signer.ca.jwk],
  [signer.ca.jwk, NEXT_CA.jwk],
  [NEXT_CA.jwk],
  [THIEF.jwk],
  [],
  undefined,
]

const rulesOf = fc.record({
  policy: fc.constantFrom(...POLICIES),
  issuers: fc
    .record({
      issuers: fc.subarray([ISSUER, OTHER_ISSUER]),
      levelZeroKeys: fc.subarray([signer.agentDidKey]),
      acceptLevelZero: fc.boolean(),
    })
    .map(createTrustedIssuers),
  audience: fc.record({ own: fc.subarray([AUDIENCE, 'https://me.example']), required: fc.boolean() }),
  apiKeys: fc.constant(SAMPLE_RULES.apiKeys),
})

const demandsOf = fc.record({
  minTrustLevel: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const, 4 as const),
  minIal: fc.constantFrom(0 as const, 1 as const),
  requireBadge: fc.boolean(),
  acceptLevelZero: fc.boolean(),
  trustedIssuers: fc.subarray([ISSUER, 'did:web:other.example', signer.agentDidKey, 'unknown']),
  allowedTools: fc.subarray(['read_*', '*']).map((list) => compiler.compile(list)),
})

const requestOf: fc.Arbitrary<AccessRequest> = fc.record({
  toolName: fc.constantFrom('read_file', 'drop_table', 'list'),
  paramsHash: fc.constantFrom('', `sha256:${'A'.repeat(43)}`),
  serverOrigin: fc.constantFrom('', 'https://mcp.example.com'),
  credential: fc.constantFrom(...CREDENTIALS),
  demands: fc.option(demandsOf, { nil: undefined, freq: 2 }),
  requestPolicyVersion: fc.constantFrom('', 'v1'),
  traceparent: fc.constant(''),
  sdk: fc.constantFrom('', 'sdk'),
})

type Happening = (world: BadgeWorld) => void

/** What may happen between two requests. */
const happeningOf: fc.Arbitrary<Happening> = fc.oneof(
  fc.constantFrom(-120_000, 1, 1_000, 59_999, 60_000, 240_000).map(
    (ms): Happening =>
      ({ clock }) =>
        ms < 0 ? clock.setWall(clock.nowMs() + ms) : clock.advance(ms),
  ),
  fc.tuple(fc.constantFrom(ISSUER, OTHER_ISSUER), fc.constantFrom(...KEY_SETS)).map(
    ([issuer, keys]): Happening =>
      ({ issuerKeys }) =>
        keys === undefined ? issuerKeys.takeAway(issuer) : issuerKeys.publish(issuer, keys),
  ),
  fc.tuple(fc.constantFrom('revoked' as const, 'disabled' as const), fc.boolean()).map(
    ([what, on]): Happening =>
      ({ status }) => {
        const [set, entry] = what === 'revoked' ? [status.revoked, JTI] : [status.disabled, SUBJECT]
        if (on) set.add(entry)
        else set.delete(entry)
      },
  ),
  fc.tuple(fc.constantFrom('isRevoked' as const, 'isAgentActive' as const), fc.boolean()).map(
    ([question, on]): Happening =>
      ({ status }) =>
        void (on ? status.unanswerable.add(question) : status.unanswerable.delete(question)),
  ),
  fc.constant<Happening>(({ status, issuerKeys, clock }) => {
    status.revoked.clear()
    status.disabled.clear()
    status.unanswerable.clear()
    issuerKeys.publish(ISSUER, [signer.ca.jwk])
    clock.setWall(NOW * 1000)
  }),
)

/** A request, the same with some fields changed, and what happens in between. */
const pairOf = fc.record({
  first: requestOf,
  second: requestOf,
  changed: fc.subarray([
    'toolName',
    'paramsHash',
    'serverOrigin',
    'credential',
    'demands',
    'requestPolicyVersion',
  ] as const),
  happening: fc.option(happeningOf, { nil: undefined, freq: 2 }),
  rules: fc.option(rulesOf, { nil: SAMPLE_RULES, freq: 2 }),
})

/** A decision as far as callers and the log can tell, but for whether the badge was met before. */
function seen(decision: Decision): unknown {
  const { evidence, ...rest } = decision
  const record = JSON.parse(new TextDecoder().decode(evidence?.leaf)) as Record<string, unknown>
  return { ...rest, record: { ...record, 'io.capisc.cache_hit': undefined } }
}

describe('a core with a cache', () => {
  it('decides ten thousand pairs of requests exactly like one without', async () => {
    const reasons = new Map<string, number>()
    let pairs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(pairOf, { minLength: 25, maxLength: 25 }), async (list) => {
        const world = createBadgeWorld()
        world.issuerKeys.publish(OTHER_ISSUER, [world.ca.jwk])
        let ids = 0
        const uuid = () => `id-${ids}`
        const cached = createGuardWorld({ world, badges: world.verifier(), uuid })
        const uncached = createGuardWorld({ world, badges: world.verifier({ cacheMaxEntries: 0 }), uuid })
        const decideBoth = async (request: AccessRequest): Promise<void> => {
          ids++
          const expected = seen(await uncached.ask(request))
          const decision = await cached.ask(request)
          expect(seen(decision)).toEqual(expected)
          const reason = decision.reason ?? 'ALLOW'
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        }
        for (const { first, second, changed, happening, rules } of list) {
          cached.rules = rules
          uncached.rules = rules
          await decideBoth(first)
          happening?.(world)
          await decideBoth({ ...first, ...Object.fromEntries(changed.map((field) => [field, second[field]])) })
          pairs++
        }
        expect([...cached.faults, ...uncached.faults]).toEqual([])
        const hits = cached.records.filter((record) => record['io.capisc.cache_hit'] === true)
        reasons.set('hits', (reasons.get('hits') ?? 0) + hits.length)
        expect(uncached.records.some((record) => record['io.capisc.cache_hit'] === true)).toBe(false)
      }),
      { numRuns: 400 },
    )
    expect(pairs).toBe(10_000)
    // The comparison means something only if everything occurred, and often from the cache.
    expect(reasons.get('hits')).toBeGreaterThan(1000)
    expect([...reasons.keys()].toSorted()).toEqual([
      'AGENT_DISABLED',
      'ALLOW',
      'API_KEY_UNKNOWN',
      'BADGE_AUDIENCE_MISMATCH',
      'BADGE_EXPIRED',
      'BADGE_MALFORMED',
      'BADGE_MISSING',
      'BADGE_NOT_YET_VALID',
      'BADGE_REVOKED',
      'BADGE_SIGNATURE_INVALID',
      'IAL_INSUFFICIENT',
      'ISSUER_UNTRUSTED',
      'POLICY_DENIED',
      'STATUS_CHECK_FAILED',
      'TOOL_NOT_ALLOWED',
      'TRUST_INSUFFICIENT',
      'hits',
    ])
  })
})
