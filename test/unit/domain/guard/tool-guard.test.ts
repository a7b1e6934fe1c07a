import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { systemRandom } from '../../../../core/src/adapters/crypto/system-random.ts'
import type { BadgeVerifier } from '../../../../core/src/domain/badge/badge-verifier.ts'
import { EvidenceOverloaded, EvidenceUnavailable } from '../../../../core/src/domain/evidence/evidence-errors.ts'
import type { AccessRequest, ServerDemands } from '../../../../core/src/domain/guard/access-request.ts'
import { createApiKeyRing, hashApiKey } from '../../../../core/src/domain/guard/api-keys.ts'
import type { Decision } from '../../../../core/src/domain/guard/decision.ts'
import { DENY_CODES } from '../../../../core/src/domain/guard/deny-reason.ts'
import { createToolGuard, type EvidenceSink } from '../../../../core/src/domain/guard/tool-guard.ts'
import { createAllowedToolsCompiler } from '../../../../core/src/domain/policy/allowed-tools.ts'
import { NO_POLICY } from '../../../../core/src/domain/policy/policy.ts'
import { parsePolicyFile } from '../../../../core/src/domain/policy/policy-file.ts'
import { createTrustedIssuers } from '../../../../core/src/domain/trust/trusted-issuers.ts'
import type { DecidedEvent } from '../../../../core/src/ports/telemetry.ts'
import { AUDIENCE, createBadgeWorld, ISSUER, JTI, SUBJECT, vcOf } from '../../../fakes/badge-world.ts'

const compiler = createAllowedToolsCompiler({ maxLists: 8, maxCharacters: 10_000 })

/** A guard over the real rooms, with a log that is a list. */
function createGuard({ policy, random = systemRandom }: { policy?: string; random?: typeof systemRandom } = {}) {
  const world = createBadgeWorld()
  const log: Uint8Array[] = []
  const events: DecidedEvent[] = []
  const faults: unknown[] = []
  const open: [id: string, leaf: Uint8Array][] = []
  let failure: Error | undefined
  const evidence: EvidenceSink = {
    origin: 'log.example/1',
    async append(leaf) {
      if (failure !== undefined) throw failure
      return { index: log.push(leaf) - 1 }
    },
  }
  let badges: Pick<BadgeVerifier, 'verify'> = world.verifier()
  const guard = createToolGuard({
    rules: () => ({
      policy: policy === undefined ? NO_POLICY : parsePolicyFile(policy),
      issuers: createTrustedIssuers({ issuers: [ISSUER], levelZeroKeys: [], acceptLevelZero: true }),
      audience: { own: [AUDIENCE], required: false },
      apiKeys: createApiKeyRing([{ name: 'alice', hash: hashApiKey('open sesame') }]),
    }),
    badges: { verify: (token, demands) => badges.verify(token, demands) },
    evidence,
    openCalls: { add: (id, leaf) => void open.push([id, leaf]) },
    clock: world.clock,
    random,
    telemetry: { decided: (event) => events.push(event), fault: ({ cause }) => faults.push(cause) },
    coreVersion: '1.2.3',
  })
  return {
    world,
    log,
    events,
    faults,
    open,
    failWith: (error: Error | undefined) => {
      failure = error
    },
    breakVerifier: (error: Error) => {
      badges = { verify: () => Promise.reject(error) }
    },
    ask: (changes: Partial<AccessRequest> = {}): Promise<Decision> => guard.evaluate(question(changes)),
    wouldAllow: (changes: Partial<AccessRequest> = {}): Promise<boolean> => guard.wouldAllow(question(changes)),
    lastRecord: () => JSON.parse(new TextDecoder().decode(log.at(-1))) as Record<string, unknown>,
  }
}

function question(changes: Partial<AccessRequest>): AccessRequest {
  return {
    toolName: 'read_file',
    paramsHash: '',
    serverOrigin: '',
    credential: { kind: 'anonymous' },
    demands: undefined,
    requestPolicyVersion: '',
    traceparent: '',
    sdk: '',
    ...changes,
  }
}

const demands = (
  changes: Partial<Omit<ServerDemands, 'allowedTools'>> & { allowedTools?: string[] } = {},
): ServerDemands => ({
  minTrustLevel: 0,
  minIal: 0,
  requireBadge: false,
  acceptLevelZero: false,
  trustedIssuers: [],
  ...changes,
  allowedTools: compiler.compile(changes.allowedTools ?? []),
})

describe('a decision', () => {
  it('carries the record exactly as it was logged, with the same id and time', async () => {
    const { ask, log, world, lastRecord } = createGuard()
    const decision = await ask({
      credential: { kind: 'badge', token: world.badge() },
      paramsHash: `sha256:${'A'.repeat(43)}`,
    })
    expect(decision).toMatchObject({ outcome: 'ALLOW', code: '', policyVersion: 'none', authLevel: 'badge' })
    expect(decision.principal).toEqual({ name: SUBJECT, badgeJti: JTI, trustLevel: 2, ial: 0 })
    expect(decision.evidence?.leaf).toBe(log[0])
    expect(decision.evidence).toMatchObject({ origin: 'log.example/1', index: 0 })
    expect(lastRecord()).toMatchObject({
      id: decision.evidence?.id,
      timestamp: new Date(decision.atMs).toISOString().replace('Z', '000000Z'),
      'capiscio.agent.did': SUBJECT,
      'capiscio.tool.params_hash': `sha256:${'A'.repeat(43)}`,
      'io.capisc.cache_hit': false,
      'io.capisc.core_version': '1.2.3',
    })
  })

  it('that lets a tool run is remembered for its outcome once it is recorded, and no other', async () => {
    const { ask, log, open, world, failWith } = createGuard()
    const allowed = await ask({ credential: { kind: 'badge', token: world.badge() } })
    await ask({ credential: { kind: 'badge', token: 'none' } })
    failWith(new Error('disk'))
    await ask({ credential: { kind: 'badge', token: world.badge() } })
    expect(open).toEqual([[allowed.evidence?.id, log[0]]])
  })

  it('says how old the knowledge about revocation is, in whole seconds, where somebody was asked', async () => {
    const { ask, world, lastRecord } = createGuard()
    const credential = { kind: 'badge', token: world.badge() } as const
    await ask({ credential })
    expect(lastRecord()['io.capisc.revocation_age']).toBe(0)
    world.status.isRevoked = async () => ({ answer: false, ageMs: 1_999 })
    await ask({ credential })
    expect(lastRecord()['io.capisc.revocation_age']).toBe(1)
    await ask({ credential: { kind: 'anonymous' } })
    expect(lastRecord()).not.toHaveProperty(['io.capisc.revocation_age'])
  })

  it('says whether the badge was met before', async () => {
    const { ask, world, lastRecord } = createGuard()
    const credential = { kind: 'badge', token: world.badge() } as const
    await ask({ credential })
    await ask({ credential })
    expect(lastRecord()['io.capisc.cache_hit']).toBe(true)
  })

  it('records what the MCP server says about itself, and obeys none of it', async () => {
    const { ask, lastRecord } = createGuard()
    await ask({
      serverOrigin: 'https://mcp.example',
      requestPolicyVersion: 'v9',
      traceparent: '00-1-2-3',
      sdk: 'test/1',
    })
    expect(lastRecord()).toMatchObject({
      'io.capisc.server_origin': 'https://mcp.example',
      'io.capisc.request_policy_version': 'v9',
      'io.capisc.traceparent': '00-1-2-3',
      'io.capisc.sdk': 'test/1',
      'capiscio.policy_version': 'none',
    })
  })

  it('is told to telemetry once, without a credential', async () => {
    const { ask, events, world } = createGuard()
    const token = world.badge()
    await ask({ credential: { kind: 'badge', token } })
    await ask({ credential: { kind: 'apiKey', key: 'open sesame' } })
    expect(events.map(({ outcome, reason, principal }) => [outcome, reason, principal])).toEqual([
      ['ALLOW', 'NONE', SUBJECT],
      ['ALLOW', 'NONE', 'apikey:alice'],
    ])
    expect(JSON.stringify(events)).not.toContain(token)
    expect(JSON.stringify(events)).not.toContain('open sesame')
  })

  it('never holds the credential in its record or message', async () => {
    const { ask, log, world } = createGuard()
    const token = world.badge({ exp: 1 })
    const decisions = [
      await ask({ credential: { kind: 'badge', token } }),
      await ask({ credential: { kind: 'apiKey', key: 'a wrong secret' } }),
    ]
    const text =
      JSON.stringify(decisions.map(({ message }) => message)) + log.map((leaf) => new TextDecoder().decode(leaf)).join()
    expect(text).not.toContain(token.slice(0, 40))
    expect(text).not.toContain('a wrong secret')
  })
})

describe('when nothing is demanded', () => {
  it('anybody is allowed, as what they are', async () => {
    const { ask, world, lastRecord } = createGuard()
    expect(await ask()).toMatchObject({
      outcome: 'ALLOW',
      authLevel: 'anonymous',
      principal: { name: '', trustLevel: undefined },
    })
    expect(lastRecord()).toMatchObject({ 'capiscio.agent.did': '', 'capiscio.auth.level': 'anonymous', trust_level: 0 })
    expect(await ask({ credential: { kind: 'apiKey', key: 'open sesame' } })).toMatchObject({
      outcome: 'ALLOW',
      authLevel: 'apikey',
      principal: { name: 'apikey:alice' },
    })
    expect(await ask({ credential: { kind: 'badge', token: world.selfSigned() } })).toMatchObject({
      outcome: 'ALLOW',
      principal: { name: world.agentDidKey, trustLevel: 0 },
    })
  })

  it('a bad credential is still denied: nobody becomes anonymous by it', async () => {
    const { ask, world } = createGuard()
    expect(await ask({ credential: { kind: 'apiKey', key: 'wrong' } })).toMatchObject({
      outcome: 'DENY',
      reason: 'API_KEY_UNKNOWN',
      principal: { name: '' },
    })
    expect(await ask({ credential: { kind: 'badge', token: world.badge({ exp: 1 }) } })).toMatchObject({
      outcome: 'DENY',
      reason: 'BADGE_CLAIMS_INVALID',
      principal: { name: '', trustLevel: undefined },
    })
  })
})

describe('a badge that does not verify', () => {
  it.each([
    ['expired', { exp: 1_733_788_700, iat: 1_733_788_000 }, 'BADGE_EXPIRED'],
    ['of tomorrow', { iat: 1_733_875_200, exp: 1_733_875_500 }, 'BADGE_NOT_YET_VALID'],
    ['of a stranger', { iss: 'https://stranger.example' }, 'ISSUER_UNTRUSTED'],
    ['for somebody else', { aud: ['https://other.example'] }, 'BADGE_AUDIENCE_MISMATCH'],
    ['without a subject', { sub: undefined }, 'BADGE_CLAIMS_INVALID'],
  ] as const)(
    'because it is %s is denied with its reason, before the policy speaks',
    async (_what, changes, reason) => {
      const { ask, world, lastRecord } = createGuard({
        policy: 'version: 1\ntools:\n  - match: ["read_*"]\n    deny: true\n',
      })
      const decision = await ask({ credential: { kind: 'badge', token: world.badge(changes) } })
      expect(decision).toMatchObject({ outcome: 'DENY', reason, code: DENY_CODES[reason] })
      expect(lastRecord()).toMatchObject({ 'io.capisc.reason': reason, 'capiscio.agent.did': '', trust_level: 0 })
    },
  )

  it('because it was revoked or its agent disabled, or nobody can say', async () => {
    const { ask, world } = createGuard()
    const credential = { kind: 'badge', token: world.badge() } as const
    expect(await ask({ credential })).toMatchObject({ outcome: 'ALLOW' })
    world.status.unanswerable.add('isRevoked')
    expect(await ask({ credential })).toMatchObject({ reason: 'STATUS_CHECK_FAILED', code: 'TOOL_BADGE_INVALID' })
    world.status.unanswerable.clear()
    world.status.disabled.add(SUBJECT)
    expect(await ask({ credential })).toMatchObject({ reason: 'AGENT_DISABLED', code: 'TOOL_BADGE_REVOKED' })
    world.status.disabled.clear()
    world.status.revoked.add(JTI)
    expect(await ask({ credential })).toMatchObject({ reason: 'BADGE_REVOKED', code: 'TOOL_BADGE_REVOKED' })
  })
})

describe('a minimum trust level', () => {
  it.each([
    [2, 'ALLOW', undefined],
    [3, 'DENY', 'TRUST_INSUFFICIENT'],
  ] as const)('of %s meets a badge of level 2 with %s', async (minTrustLevel, outcome, reason) => {
    const { ask, world } = createGuard()
    const decision = await ask({
      credential: { kind: 'badge', token: world.badge() },
      demands: demands({ minTrustLevel }),
    })
    expect([decision.outcome, decision.reason]).toEqual([outcome, reason])
    // Who asked in vain is known all the same.
    expect(decision.principal.name).toBe(SUBJECT)
  })

  it('of 1 asks anonymous callers for a badge, and is above every API key', async () => {
    const { ask } = createGuard()
    expect(await ask({ demands: demands({ minTrustLevel: 1 }) })).toMatchObject({ reason: 'BADGE_MISSING' })
    expect(
      await ask({ credential: { kind: 'apiKey', key: 'open sesame' }, demands: demands({ minTrustLevel: 1 }) }),
    ).toMatchObject({ reason: 'TRUST_INSUFFICIENT', principal: { name: 'apikey:alice' } })
  })

  it('is the higher one of policy and request', async () => {
    const { ask, world } = createGuard({ policy: 'version: 1\ndefault: { minTrustLevel: 3 }\n' })
    const credential = { kind: 'badge', token: world.badge() } as const
    expect(await ask({ credential, demands: demands({ minTrustLevel: 1 }) })).toMatchObject({
      reason: 'TRUST_INSUFFICIENT',
    })
  })
})

describe('a minimum of identity assurance', () => {
  it('lets through a badge whose key was proven, and no other caller', async () => {
    const { ask, world } = createGuard()
    const minIal = demands({ minIal: 1 })
    const confirmed = world.ca.sign({ alg: 'EdDSA', typ: 'JWT', kid: 'ca-1' }, world.confirmedPayload())
    expect(await ask({ credential: { kind: 'badge', token: confirmed }, demands: minIal })).toMatchObject({
      outcome: 'ALLOW',
      principal: { ial: 1 },
    })
    expect(await ask({ credential: { kind: 'badge', token: world.badge() }, demands: minIal })).toMatchObject({
      reason: 'IAL_INSUFFICIENT',
      code: 'TOOL_TRUST_INSUFFICIENT',
    })
    expect(await ask({ credential: { kind: 'apiKey', key: 'open sesame' }, demands: minIal })).toMatchObject({
      reason: 'IAL_INSUFFICIENT',
    })
    expect(await ask({ demands: minIal })).toMatchObject({ reason: 'BADGE_MISSING' })
  })
})

describe('a demanded badge', () => {
  it('is not replaced by an API key or by nothing, at no trust level', async () => {
    const { ask, world } = createGuard()
    const requireBadge = demands({ requireBadge: true })
    expect(await ask({ demands: requireBadge })).toMatchObject({ reason: 'BADGE_MISSING', code: 'TOOL_AUTH_MISSING' })
    expect(await ask({ credential: { kind: 'apiKey', key: 'open sesame' }, demands: requireBadge })).toMatchObject({
      reason: 'BADGE_MISSING',
    })
    expect(await ask({ credential: { kind: 'badge', token: world.badge() }, demands: requireBadge })).toMatchObject({
      outcome: 'ALLOW',
    })
  })

  it('may be of level 0 only where level 0 is accepted', async () => {
    const { ask, world } = createGuard()
    const credential = { kind: 'badge', token: world.selfSigned() } as const
    expect(await ask({ credential, demands: demands({ requireBadge: true }) })).toMatchObject({
      reason: 'ISSUER_UNTRUSTED',
    })
    expect(await ask({ credential, demands: demands({ requireBadge: true, acceptLevelZero: true }) })).toMatchObject({
      outcome: 'ALLOW',
    })
  })
})

describe('the policy', () => {
  const POLICY = `
version: 1
tools:
  - match: ["read_*"]
    issuers: ["${ISSUER}"]
    audience: ["${AUDIENCE}"]
  - match: ["read_secret"]
    issuers: ["https://other.example"]
  - match: ["drop_*"]
    deny: true
`

  it('denies what a rule denies, and what no rule covers, each with its own reason', async () => {
    const { ask } = createGuard({ policy: POLICY })
    expect(await ask({ toolName: 'drop_table' })).toMatchObject({ reason: 'POLICY_DENIED', code: 'TOOL_POLICY_DENIED' })
    expect(await ask({ toolName: 'sing' })).toMatchObject({ reason: 'TOOL_NOT_ALLOWED', code: 'TOOL_NOT_ALLOWED' })
    expect((await ask({ toolName: 'sing' })).policyVersion).toMatch(/^sha256:/)
  })

  it('narrows issuers rule by rule: what no issuer satisfies, nobody may run', async () => {
    const { ask, world } = createGuard({ policy: POLICY })
    const credential = { kind: 'badge', token: world.badge() } as const
    expect(await ask({ credential })).toMatchObject({ outcome: 'ALLOW' })
    expect(await ask({ credential, toolName: 'read_secret' })).toMatchObject({ reason: 'ISSUER_UNTRUSTED' })
  })

  it('asks for an audience beyond the own one', async () => {
    const { ask, world } = createGuard({ policy: POLICY.replace(AUDIENCE, 'https://vault.example') })
    const badge = (aud: string[] | undefined) => ({ kind: 'badge', token: world.badge({ aud }) }) as const
    expect(await ask({ credential: badge([AUDIENCE]) })).toMatchObject({ reason: 'BADGE_AUDIENCE_MISMATCH' })
    expect(await ask({ credential: badge(undefined) })).toMatchObject({ reason: 'BADGE_AUDIENCE_MISMATCH' })
    expect(await ask({ credential: badge([AUDIENCE, 'https://vault.example']) })).toMatchObject({ outcome: 'ALLOW' })
  })
})

describe("the MCP server's list of tools", () => {
  it('denies what it does not cover, also where the policy would allow it', async () => {
    const { ask } = createGuard()
    expect(await ask({ demands: demands({ allowedTools: ['list_*'] }) })).toMatchObject({ reason: 'TOOL_NOT_ALLOWED' })
    expect(await ask({ demands: demands({ allowedTools: ['list_*', 'read_*'] }) })).toMatchObject({ outcome: 'ALLOW' })
  })
})

describe('when the record cannot be written', () => {
  it('an allowed call is denied, without evidence, and says why', async () => {
    const { ask, failWith, events } = createGuard()
    failWith(new EvidenceUnavailable('disk is full'))
    const decision = await ask()
    expect(decision).toMatchObject({ outcome: 'DENY', reason: 'EVIDENCE_UNAVAILABLE', code: 'EVIDENCE_UNAVAILABLE' })
    expect(decision.evidence).toBeUndefined()
    expect(events.at(-1)).toMatchObject({ outcome: 'DENY', reason: 'EVIDENCE_UNAVAILABLE', evidenceId: '' })
  })

  it('because of anything else, it is denied just so', async () => {
    const { ask, failWith } = createGuard()
    failWith(new Error('something nobody thought of'))
    expect(await ask()).toMatchObject({ outcome: 'DENY', reason: 'EVIDENCE_UNAVAILABLE' })
  })

  it('because too many wait, nothing is decided and the caller hears of it', async () => {
    const { ask, failWith, events } = createGuard()
    failWith(new EvidenceOverloaded('4096 records wait'))
    await expect(ask()).rejects.toThrow(EvidenceOverloaded)
    expect(events).toEqual([])
  })
})

describe('a fault in our own code', () => {
  it('is a denial with a record, counted with its cause, and tells the caller nothing of it', async () => {
    const { ask, breakVerifier, faults, lastRecord } = createGuard()
    const cause = new TypeError('secret detail')
    breakVerifier(cause)
    const decision = await ask({ credential: { kind: 'badge', token: 'x' } })
    expect(decision).toMatchObject({ outcome: 'DENY', reason: 'INTERNAL', code: 'INTERNAL', principal: { name: '' } })
    expect(decision.message).not.toContain('secret detail')
    expect(lastRecord()).toMatchObject({ 'capiscio.decision': 'DENY', 'capiscio.deny_reason': 'INTERNAL' })
    expect(faults).toEqual([cause])
  })
})

describe('evidence ids', () => {
  it('come from the random source, one for each decision', async () => {
    const ids = [randomUUID(), randomUUID()]
    let next = 0
    const { ask } = createGuard({ random: { ...systemRandom, uuid: () => ids[next++] ?? '' } })
    expect([(await ask()).evidence?.id, (await ask()).evidence?.id]).toEqual(ids)
  })
})

describe('a listing', () => {
  const POLICY = `
version: 1
default: { minTrustLevel: 1 }
tools:
  - match: ["read_*"]
    minTrustLevel: 2
  - match: ["write_*"]
    minTrustLevel: 3
  - match: ["read_secret", "drop_*"]
    deny: true
  - match: ["ping"]
    minTrustLevel: 0
`

  it('promises exactly what a call would get, and records nothing', async () => {
    const { ask, wouldAllow, log, events, world } = createGuard({ policy: POLICY })
    const credentials: AccessRequest['credential'][] = [
      { kind: 'anonymous' },
      { kind: 'apiKey', key: 'open sesame' },
      { kind: 'apiKey', key: 'wrong' },
      { kind: 'badge', token: world.badge() },
      { kind: 'badge', token: world.badge({ vc: vcOf('3', { domain: 'a.example' }), jti: randomUUID() }) },
      { kind: 'badge', token: world.badge({ exp: 1 }) },
      { kind: 'badge', token: 'x' },
    ]
    const outcomes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...credentials),
        fc.constantFrom('ping', 'read_file', 'read_secret', 'write_file', 'drop_table', 'other'),
        fc.constantFrom(0, 1, 2, 3, 4),
        fc.constantFrom<string[]>([], ['read_*'], ['write_file', 'ping']),
        async (credential, toolName, minTrustLevel, allowedTools) => {
          const asked = { credential, toolName, demands: demands({ minTrustLevel, allowedTools }) }
          const before = [log.length, events.length]
          const promised = await wouldAllow(asked)
          expect([log.length, events.length]).toEqual(before)
          const { outcome } = await ask(asked)
          expect(promised ? 'ALLOW' : 'DENY').toBe(outcome)
          outcomes.add(outcome)
        },
      ),
      { numRuns: 500 },
    )
    expect([...outcomes].sort()).toEqual(['ALLOW', 'DENY'])
  })

  it('promises nothing when the guard itself fails', async () => {
    const { wouldAllow, breakVerifier, faults, world } = createGuard()
    expect(await wouldAllow({ credential: { kind: 'badge', token: world.badge() } })).toBe(true)
    breakVerifier(new Error('broken'))
    expect(await wouldAllow({ credential: { kind: 'badge', token: world.badge() } })).toBe(false)
    expect(faults).toHaveLength(1)
  })
})
