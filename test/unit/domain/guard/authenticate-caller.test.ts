import { describe, expect, it } from 'vitest'
import type { ServerDemands } from '../../../../core/src/domain/guard/access-request.ts'
import { parsePolicyFile } from '../../../../core/src/domain/policy/policy-file.ts'
import { ISSUER, JTI, SUBJECT } from '../../../fakes/badge-world.ts'
import { API_KEY, createGuardWorld, SAMPLE_RULES } from '../../../fakes/guard-world.ts'

const demands = (changes: Partial<ServerDemands>): ServerDemands => ({
  minTrustLevel: 0,
  minIal: 0,
  requireBadge: false,
  acceptLevelZero: false,
  trustedIssuers: [],
  allowedTools: { covers: () => false },
  ...changes,
})

describe('a caller who names no tool', () => {
  it('is who its badge says, until when it says, and nothing is recorded', async () => {
    const { world, authenticate, records } = createGuardWorld()
    const token = world.badge()
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect(await authenticate({ credential: { kind: 'badge', token } })).toMatchObject({
      authLevel: 'badge',
      caller: { principal: { name: SUBJECT, badgeJti: JTI, trustLevel: 2, ial: 0 }, issuer: ISSUER, expiresAt: exp },
    })
    expect(records).toEqual([])
  })

  it('is the name of its API key, or nobody', async () => {
    const { authenticate, records } = createGuardWorld()
    expect(await authenticate({ credential: { kind: 'apiKey', key: API_KEY } })).toMatchObject({
      authLevel: 'apikey',
      caller: { principal: { name: 'apikey:alice' } },
    })
    expect(await authenticate()).toMatchObject({ authLevel: 'anonymous', caller: { principal: { name: '' } } })
    expect(records).toEqual([])
  })

  it.each([
    ['a badge that is none', { kind: 'badge', token: 'x' }, 'BADGE_MALFORMED', 'TOOL_BADGE_INVALID', 'badge'],
    ['an unknown API key', { kind: 'apiKey', key: 'x' }, 'API_KEY_UNKNOWN', 'TOOL_AUTH_MISSING', 'apikey'],
  ] as const)('is refused with %s, and that is recorded', async (_what, credential, reason, code, level) => {
    const { authenticate, records } = createGuardWorld()
    const answer = await authenticate({ credential, serverOrigin: 'https://mcp.example', sdk: 'test/1' })
    expect(answer).toMatchObject({ refusal: { outcome: 'DENY', reason, code, evidence: { index: 0 } } })
    expect(records).toMatchObject([
      {
        'event.name': 'capiscio.tool_invocation',
        'capiscio.target': '/mcp',
        'capiscio.decision': 'DENY',
        'capiscio.deny_reason': code,
        'capiscio.auth.level': level,
        'io.capisc.server_origin': 'https://mcp.example',
      },
    ])
  })

  it('is refused without a badge where the server demands one, an API key included', async () => {
    const { authenticate, records } = createGuardWorld()
    for (const credential of [{ kind: 'anonymous' }, { kind: 'apiKey', key: API_KEY }] as const) {
      const answer = await authenticate({ credential, demands: demands({ requireBadge: true }) })
      expect(answer).toMatchObject({ refusal: { reason: 'BADGE_MISSING' } })
    }
    expect(records).toHaveLength(2)
  })

  it('must satisfy the demands of the server', async () => {
    const { world, authenticate } = createGuardWorld()
    const credential = { kind: 'badge', token: world.badge() } as const
    expect(await authenticate({ credential, demands: demands({ minTrustLevel: 2 }) })).toHaveProperty('caller')
    expect(await authenticate({ credential, demands: demands({ minTrustLevel: 3 }) })).toMatchObject({
      refusal: { reason: 'TRUST_INSUFFICIENT' },
    })
    expect(
      await authenticate({ credential, demands: demands({ trustedIssuers: ['https://other.example'] }) }),
    ).toMatchObject({ refusal: { reason: 'ISSUER_UNTRUSTED' } })
  })

  it('is judged without the policy, which speaks of tools', async () => {
    const guarded = createGuardWorld()
    const policy = parsePolicyFile('version: 1\ntools:\n  - match: ["*", "/mcp", "/*"]\n    deny: true\n')
    guarded.rules = { ...SAMPLE_RULES, policy }
    expect(await guarded.authenticate()).toHaveProperty('caller')
    expect(await guarded.ask({ toolName: '/mcp' })).toMatchObject({ reason: 'POLICY_DENIED' })
  })

  it('is refused after an unexpected fault, which is told and recorded', async () => {
    const { authenticate, faults, records } = createGuardWorld({
      badges: {
        verify: () => Promise.reject(new Error('broken')),
        cacheStatistics: () => ({ entries: 0, maxEntries: 0, hits: 0, misses: 0 }),
      },
    })
    const answer = await authenticate({ credential: { kind: 'badge', token: 'x' } })
    expect(answer).toMatchObject({ refusal: { reason: 'INTERNAL' } })
    expect(faults).toMatchObject([{ message: 'broken' }])
    expect(records).toHaveLength(1)
  })
})
