import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NO_POLICY, type Policy } from '../../../../core/src/domain/policy/policy.ts'
import { parsePolicyFile } from '../../../../core/src/domain/policy/policy-file.ts'
import {
  type RequestedMinimums,
  requirementFor,
  type ToolRequirement,
  tighten,
} from '../../../../core/src/domain/policy/requirement.ts'

const policy = (text: string): Policy => parsePolicyFile(text)

const A = 'https://a.example.com'
const B = 'https://b.example.com'
const C = 'https://c.example.com'

const OPEN: ToolRequirement = {
  denied: false,
  listed: true,
  minTrustLevel: 0,
  minIal: 0,
  requireBadge: false,
  issuers: undefined,
  audiences: [],
  matchedRules: [],
}

describe('without a policy file', () => {
  test('every tool is listed and nothing is demanded', () => {
    expect(requirementFor(NO_POLICY, 'anything')).toEqual(OPEN)
    expect(NO_POLICY.version).toBe('none')
  })
})

describe('with a default', () => {
  const file = policy('version: 1\ndefault: { minTrustLevel: 1 }\ntools:\n  - match: [read_*]\n    minTrustLevel: 2\n')

  test('a tool that no rule matches is under the default', () => {
    expect(requirementFor(file, 'write_file')).toEqual({ ...OPEN, minTrustLevel: 1 })
  })

  test('a rule that demands more than the default wins', () => {
    expect(requirementFor(file, 'read_file')).toEqual({ ...OPEN, minTrustLevel: 2, matchedRules: [0] })
  })

  test('a rule that demands less than the default loosens nothing', () => {
    const lenient = policy('version: 1\ndefault: { minTrustLevel: 3, requireBadge: true }\ntools:\n  - match: ["*"]\n')
    expect(requirementFor(lenient, 'x')).toEqual({ ...OPEN, minTrustLevel: 3, requireBadge: true, matchedRules: [0] })
  })
})

describe('without a default', () => {
  const file = policy('version: 1\ntools:\n  - match: [read_*]\n')

  test('a tool that no rule matches is not listed', () => {
    expect(requirementFor(file, 'write_file')).toEqual({ ...OPEN, listed: false })
  })

  test('a tool that a rule matches is listed', () => {
    expect(requirementFor(file, 'read_file')).toEqual({ ...OPEN, matchedRules: [0] })
  })

  test('a file that says nothing but its version lists nothing', () => {
    expect(requirementFor(policy('version: 1\n'), 'read_file').listed).toBe(false)
  })

  test.each(['__proto__', 'constructor', 'toString', 'valueOf'])('%s is a tool like any other', (name) => {
    expect(requirementFor(file, name)).toEqual({ ...OPEN, listed: false })
    expect(requirementFor(policy(`version: 1\ntools:\n  - match: [${name}]\n    deny: true\n`), name).denied).toBe(true)
  })
})

describe('when several rules match', () => {
  const file = policy(`
version: 1
default: { minTrustLevel: 1 }
tools:
  - match: ["pay_*"]
    minTrustLevel: 3
    issuers: ["${A}", "${B}"]
    audience: ["https://pay.example.com"]
  - match: ["*_refund"]
    minIal: 1
    issuers: ["${C}", "${B}/"]
    audience: ["https://refund.example.com", "urn:example:refund"]
  - match: ["*_batch"]
    deny: true
`)

  test('each field has its strictest value', () => {
    expect(requirementFor(file, 'pay_refund')).toEqual({
      denied: false,
      listed: true,
      minTrustLevel: 3,
      minIal: 1,
      requireBadge: true,
      issuers: [B],
      audiences: [['https://pay.example.com'], ['https://refund.example.com', 'urn:example:refund']],
      matchedRules: [0, 1],
    })
  })

  test('one rule that denies is enough', () => {
    const { denied, matchedRules } = requirementFor(file, 'pay_batch')
    expect({ denied, matchedRules }).toEqual({ denied: true, matchedRules: [0, 2] })
  })

  test('issuers without a common one leave nobody, not everybody', () => {
    const apart = policy(
      `version: 1\ntools:\n  - match: [x]\n    issuers: ["${A}"]\n  - match: [x]\n    issuers: ["${B}"]\n`,
    )
    expect(requirementFor(apart, 'x').issuers).toEqual([])
  })
})

describe('issuers or an audience', () => {
  test.each([`issuers: ["${A}"]`, 'audience: ["https://api.example.com"]'])(
    'need a badge, which alone has them: %s',
    (demand) => {
      expect(requirementFor(policy(`version: 1\ntools:\n  - match: [x]\n    ${demand}\n`), 'x').requireBadge).toBe(true)
      expect(requirementFor(policy(`version: 1\ndefault:\n  ${demand}\n`), 'x').requireBadge).toBe(true)
    },
  )
})

const LEVELS = fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const, 4 as const)
const IALS = fc.constantFrom(0 as const, 1 as const)
const ISSUERS = fc.option(fc.uniqueArray(fc.constantFrom(A, B, C), { minLength: 1 }), { nil: undefined })
const AUDIENCE = fc.option(fc.uniqueArray(fc.constantFrom('urn:x', 'urn:y'), { minLength: 1 }), { nil: undefined })
const DEMANDS = {
  minTrustLevel: fc.option(LEVELS, { nil: undefined }),
  minIal: fc.option(IALS, { nil: undefined }),
  requireBadge: fc.constantFrom(undefined, true),
  issuers: ISSUERS,
  audience: AUDIENCE,
}
const RULE = fc.record({
  match: fc.uniqueArray(fc.constantFrom('*', 'a*', '*b', 'ab', 'x'), { minLength: 1 }),
  deny: fc.constantFrom(undefined, undefined, true, false),
  ...DEMANDS,
})
const FILE = fc.record({
  default: fc.option(fc.record(DEMANDS), { nil: undefined }),
  tools: fc.array(RULE, { maxLength: 5 }),
})
const TOOL = fc.constantFrom('ab', 'a', 'b', 'x', 'a/b')

const toPolicy = (file: object): Policy => policy(JSON.stringify({ version: 1, ...file }))

/** Whether every caller that meets `after` also meets `before`: nothing got looser. */
function isAtLeastAsStrict(after: ToolRequirement, before: ToolRequirement): boolean {
  return (
    (after.denied || !before.denied) &&
    after.minTrustLevel >= before.minTrustLevel &&
    after.minIal >= before.minIal &&
    (after.requireBadge || !before.requireBadge) &&
    (before.issuers === undefined || after.issuers?.every((issuer) => before.issuers?.includes(issuer)) === true) &&
    before.audiences.every((list) => after.audiences.some((other) => JSON.stringify(other) === JSON.stringify(list)))
  )
}

test('one more rule, wherever it stands, loosens no field', () => {
  fc.assert(
    fc.property(FILE, RULE, fc.nat(5), TOOL, (file, rule, at, tool) => {
      const before = requirementFor(toPolicy(file), tool)
      const after = requirementFor(toPolicy({ ...file, tools: file.tools.toSpliced(at, 0, rule) }), tool)
      expect(isAtLeastAsStrict(after, before)).toBe(true)
    }),
    { numRuns: 2_000, seed: 3 },
  )
})

test('a default loosens no rule', () => {
  fc.assert(
    fc.property(FILE, fc.record(DEMANDS), TOOL, (file, fallback, tool) => {
      const before = requirementFor(toPolicy({ tools: file.tools }), tool)
      const after = requirementFor(toPolicy({ tools: file.tools, default: fallback }), tool)
      expect(isAtLeastAsStrict(after, before)).toBe(true)
    }),
    { numRuns: 1_000, seed: 4 },
  )
})

test('the order of rules does not matter', () => {
  const shuffled = FILE.chain((file) =>
    fc.tuple(fc.constant(file), fc.shuffledSubarray(file.tools, { minLength: file.tools.length })),
  )
  const comparable = ({ matchedRules, audiences, ...rest }: ToolRequirement) => ({
    ...rest,
    rules: matchedRules.length,
    audiences: audiences.map((list) => JSON.stringify(list)).sort(),
  })
  fc.assert(
    fc.property(shuffled, TOOL, ([file, tools], tool) => {
      const expected = comparable(requirementFor(toPolicy(file), tool))
      expect(comparable(requirementFor(toPolicy({ ...file, tools }), tool))).toEqual(expected)
    }),
    { numRuns: 2_000, seed: 5 },
  )
})

describe('what a request demands', () => {
  const REQUEST = fc.record({ minTrustLevel: LEVELS, minIal: IALS, requireBadge: fc.boolean() })

  test('tightens each field that it demands more of', () => {
    const floor = requirementFor(policy('version: 1\ndefault: { minTrustLevel: 2 }\n'), 'x')
    expect(tighten(floor, { minTrustLevel: 3, minIal: 1, requireBadge: true })).toEqual({
      ...floor,
      minTrustLevel: 3,
      minIal: 1,
      requireBadge: true,
    })
  })

  test('lowers no floor', () => {
    const floor = requirementFor(
      policy('version: 1\ndefault: { minTrustLevel: 2, minIal: 1, requireBadge: true }\n'),
      'x',
    )
    expect(tighten(floor, { minTrustLevel: 0, minIal: 0, requireBadge: false })).toEqual(floor)
  })

  test('changes nothing when it is absent', () => {
    const floor = requirementFor(NO_POLICY, 'x')
    expect(tighten(floor, undefined)).toBe(floor)
  })

  test('never loosens, whatever policy and request are, and is met by nobody who does not meet it', () => {
    fc.assert(
      fc.property(FILE, REQUEST, TOOL, (file, request, tool) => {
        const floor = requirementFor(toPolicy(file), tool)
        const tightened = tighten(floor, request)
        expect(isAtLeastAsStrict(tightened, floor)).toBe(true)
        expect(tightened.minTrustLevel).toBe(Math.max(floor.minTrustLevel, request.minTrustLevel))
        expect(tightened.minIal).toBe(Math.max(floor.minIal, request.minIal))
        expect(tightened.requireBadge).toBe(floor.requireBadge || request.requireBadge)
        expect(tightened.listed).toBe(floor.listed)
      }),
      { numRuns: 2_000, seed: 6 },
    )
  })

  test.each([Number.NaN, -1, undefined])('a level that is none, such as %s, lowers no floor', (level) => {
    const floor = requirementFor(policy('version: 1\ndefault: { minTrustLevel: 2, minIal: 1 }\n'), 'x')
    const request = { minTrustLevel: level, minIal: level, requireBadge: false } as unknown as RequestedMinimums
    expect(tighten(floor, request)).toEqual(floor)
  })
})

test('10 000 patterns are matched in one pass over a long name', () => {
  const patterns = Array.from({ length: 10_000 }, (_, at) => `"*tool${at}*_x"`).join(', ')
  const file = policy(`version: 1\ntools:\n  - match: [${patterns}]\n    deny: true\n`)
  const startedMs = performance.now()
  expect(requirementFor(file, `tool9999${'a'.repeat(200)}_x`).denied).toBe(true)
  expect(requirementFor(file, `${'a'.repeat(200)}_x`).denied).toBe(false)
  expect(performance.now() - startedMs).toBeLessThan(5_000)
})
