import { describe, expect, test } from 'vitest'
import { authorize } from '../../../../core/src/domain/guard/authorize.ts'
import type { AuthLevel, Principal } from '../../../../core/src/domain/guard/decision.ts'
import { Denial } from '../../../../core/src/domain/guard/denial.ts'
import { explainTool, type SupposedCaller } from '../../../../core/src/domain/policy/explain.ts'
import { NO_POLICY } from '../../../../core/src/domain/policy/policy.ts'
import { parsePolicyFile } from '../../../../core/src/domain/policy/policy-file.ts'

const POLICY = parsePolicyFile(`version: 1
default: { minTrustLevel: 1 }
tools:
  - match: ["read_*", "*_file"]
    minTrustLevel: 2
  - match: ["*_file"]
    minTrustLevel: 2
    minIal: 1
  - match: ["drop_*"]
    deny: true
  - match: ["pay"]
    issuers: ["https://a.example.com"]
    audience: ["urn:pay"]
`)

describe('an explanation', () => {
  test('names the rules, their patterns, and where each demand comes from', () => {
    expect(explainTool(POLICY, 'read_file', undefined)).toMatchObject({
      tool: 'read_file',
      policyVersion: POLICY.version,
      rules: [
        { index: 0, line: 4, matchedBy: ['read_*', '*_file'] },
        { index: 1, line: 6, matchedBy: ['*_file'] },
      ],
      sources: { denied: [], minTrustLevel: [0, 1], minIal: [1], requireBadge: [], issuers: [], audiences: [] },
      verdict: undefined,
    })
  })

  test('names the default where no rule demands more', () => {
    expect(explainTool(POLICY, 'other', undefined).sources.minTrustLevel).toEqual(['default'])
  })

  test('names the rule that needs a badge because of issuers and audience', () => {
    expect(explainTool(POLICY, 'pay', undefined).sources).toMatchObject({
      requireBadge: [3],
      issuers: [3],
      audiences: [3],
      minTrustLevel: ['default'],
    })
  })

  test('names the rule that denies', () => {
    expect(explainTool(POLICY, 'drop_table', undefined).sources.denied).toEqual([2])
  })

  test('has nothing to name without a policy', () => {
    const { rules, sources } = explainTool(NO_POLICY, 'x', undefined)
    expect(rules).toEqual([])
    expect(Object.values(sources).flat()).toEqual([])
  })
})

const CALLERS: readonly SupposedCaller[] = [
  { credential: 'anonymous' },
  { credential: 'apiKey' },
  ...([0, 1, 2, 3, 4] as const).flatMap((trustLevel) =>
    ([0, 1] as const).map((ial) => ({ credential: 'badge', trustLevel, ial }) as const),
  ),
]

describe('the verdict on a supposed caller', () => {
  test.each([
    ['read_file', { credential: 'badge', trustLevel: 2, ial: 1 }, undefined],
    ['read_file', { credential: 'badge', trustLevel: 2, ial: 0 }, 'IAL_INSUFFICIENT'],
    ['read_file', { credential: 'badge', trustLevel: 1, ial: 1 }, 'TRUST_INSUFFICIENT'],
    ['read_file', { credential: 'apiKey' }, 'TRUST_INSUFFICIENT'],
    ['read_file', { credential: 'anonymous' }, 'BADGE_MISSING'],
    ['pay', { credential: 'apiKey' }, 'BADGE_MISSING'],
    ['drop_table', { credential: 'badge', trustLevel: 4, ial: 1 }, 'POLICY_DENIED'],
  ] as const)('%s by %j has the reason %s', (tool, caller, reason) => {
    const { verdict } = explainTool(POLICY, tool, caller)
    expect(verdict?.reason).toBe(reason)
    expect(verdict?.outcome).toBe(reason === undefined ? 'ALLOW' : 'DENY')
  })

  test('is a denial where the rules have no issuer in common', () => {
    const apart = parsePolicyFile(
      'version: 1\ntools:\n  - match: [x]\n    issuers: ["https://a.example.com"]\n  - match: [x]\n    issuers: ["https://b.example.com"]\n',
    )
    const { verdict } = explainTool(apart, 'x', { credential: 'badge', trustLevel: 4, ial: 1 })
    expect(verdict?.reason).toBe('ISSUER_UNTRUSTED')
  })

  test('is that of the guard for every tool and caller', () => {
    const policies = [
      POLICY,
      NO_POLICY,
      parsePolicyFile('version: 1\ntools:\n  - match: [pay]\n    minIal: 1\n'),
      parsePolicyFile(
        'version: 1\ndefault: { requireBadge: true }\ntools:\n  - match: [pay]\n    minTrustLevel: 4\n    deny: true\n',
      ),
    ]
    const seen = new Set<string>()
    for (const policy of policies) {
      for (const tool of ['read_file', 'read_x', 'a_file', 'drop_table', 'pay', 'other']) {
        for (const caller of CALLERS) {
          const { requirement, verdict } = explainTool(policy, tool, caller)
          const reason = guardReason(caller, (level, principal) => authorize(requirement, level, principal, tool, true))
          expect({ tool, caller, reason: verdict?.reason }).toEqual({ tool, caller, reason })
          seen.add(reason ?? 'ALLOW')
        }
      }
    }
    expect([...seen].sort()).toEqual([
      'ALLOW',
      'BADGE_MISSING',
      'IAL_INSUFFICIENT',
      'POLICY_DENIED',
      'TOOL_NOT_ALLOWED',
      'TRUST_INSUFFICIENT',
    ])
  })
})

function guardReason(
  caller: SupposedCaller,
  run: (level: AuthLevel, principal: Principal) => void,
): string | undefined {
  const badge = caller.credential === 'badge' ? caller : undefined
  const level = { anonymous: 'anonymous', apiKey: 'apikey', badge: 'badge' } as const
  try {
    run(level[caller.credential], { name: 'x', badgeJti: undefined, trustLevel: badge?.trustLevel, ial: badge?.ial })
    return undefined
  } catch (thrown) {
    if (thrown instanceof Denial) return thrown.reason
    throw thrown
  }
}
