import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { MAX_POLICY_BYTES, parsePolicyFile, policyVersion } from '../../../../core/src/domain/policy/policy-file.ts'
import { PolicyRefused } from '../../../../core/src/domain/policy/policy-refused.ts'
import { thrownBy } from './thrown-by.ts'

const EXAMPLE = `version: 1
default: { minTrustLevel: 1 }
tools:
  - match: ["read_*", "list_*"]
    minTrustLevel: 2
    minIal: 0
    requireBadge: true
    issuers: ["https://registry.example.com"]
    audience: ["https://api.example.com"]
  - match: ["drop_*"]
    deny: true
`

const refused = (text: string | Uint8Array): PolicyRefused => thrownBy(PolicyRefused, () => parsePolicyFile(text))

describe('a policy file', () => {
  test('is read as written', () => {
    const policy = parsePolicyFile(EXAMPLE)
    expect(policy.default).toEqual({
      minTrustLevel: 1,
      minIal: 0,
      requireBadge: false,
      issuers: undefined,
      audience: undefined,
    })
    expect(policy.rules.map(({ index, line, deny }) => ({ index, line, deny }))).toEqual([
      { index: 0, line: 4, deny: false },
      { index: 1, line: 10, deny: true },
    ])
    expect(policy.rules[0]?.patterns.map(({ text }) => text)).toEqual(['read_*', 'list_*'])
    expect(policy.rules[0]?.demands).toEqual({
      minTrustLevel: 2,
      minIal: 0,
      requireBadge: true,
      issuers: ['https://registry.example.com'],
      audience: ['https://api.example.com'],
    })
  })

  test('may hold JSON', () => {
    const { rules } = parsePolicyFile('{"version": 1, "tools": [{"match": ["a"], "deny": true}]}')
    expect(rules[0]?.deny).toBe(true)
  })

  test('may trust a did:key, which issues level 0 badges', () => {
    const did = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
    expect(parsePolicyFile(`version: 1\ndefault: { issuers: ["${did}"] }\n`).default?.issuers).toEqual([did])
  })

  test('cannot be changed after it was read', () => {
    const policy = parsePolicyFile(EXAMPLE)
    const [rule] = policy.rules
    const [pattern] = rule?.patterns ?? []
    if (rule === undefined || pattern === undefined) throw new Error('The example has a rule')
    const changes: (() => void)[] = [
      () => Object.assign(policy, { version: 'x' }),
      () => (policy.rules as unknown[]).pop(),
      () => Object.assign(rule, { deny: true }),
      () => Object.assign(rule.demands, { minTrustLevel: 0 }),
      () => (rule.demands.issuers as string[]).push('https://evil.example.com'),
      () => (rule.patterns as unknown[]).pop(),
      () => (pattern.head as unknown[]).pop(),
      () => Object.assign(policy.default ?? {}, { minTrustLevel: 0 }),
    ]
    for (const change of changes) expect(change).toThrow(TypeError)
  })
})

describe('the policy version', () => {
  test('is the SHA-256 of the bytes', () => {
    const expected = `sha256:${createHash('sha256').update(EXAMPLE).digest('base64url')}`
    expect(parsePolicyFile(EXAMPLE).version).toBe(expected)
    expect(parsePolicyFile(new TextEncoder().encode(EXAMPLE)).version).toBe(expected)
    expect(policyVersion(EXAMPLE)).toBe(expected)
  })

  test('changes with any byte, also one that means nothing', () => {
    expect(parsePolicyFile(`${EXAMPLE}# same\n`).version).not.toBe(parsePolicyFile(EXAMPLE).version)
    // A byte order mark is a byte of the file too.
    expect(parsePolicyFile(`\ufeff${EXAMPLE}`).version).not.toBe(parsePolicyFile(EXAMPLE).version)
  })
})

describe('a mistake in a policy file', () => {
  test.each([
    ['no version', 'tools: []\n', 1, 1, /version/],
    ['another version', 'version: 2\n', 1, 10, /version 1/],
    ['a version in quotes', 'version: "1"\n', 1, 10, /version 1/],
    ['an empty file', '', 1, 1, /object/],
    ['a list', '- version: 1\n', 1, 1, /object/],
    [
      'an unknown field',
      'version: 1\nrules: []\n',
      2,
      1,
      /"rules": Unknown field. Known here: version, default, tools/,
    ],
    [
      'a misspelt field of a rule',
      'version: 1\ntools:\n  - match: [a]\n    minTrust: 2\n',
      4,
      5,
      /"tools\[0\]\.minTrust"/,
    ],
    ['__proto__ as a field', 'version: 1\n__proto__: { deny: true }\n', 2, 1, /"__proto__": Unknown field/],
    ['constructor as a field', 'version: 1\ntools:\n  - match: [a]\n    constructor: 1\n', 4, 5, /Unknown field/],
    ['toString as a field', 'version: 1\ndefault:\n  toString: 1\n', 3, 3, /Unknown field/],
    ['a trust level of 5', 'version: 1\ndefault: { minTrustLevel: 5 }\n', 2, 27, /0 to 4/],
    ['a trust level in quotes', 'version: 1\ndefault: { minTrustLevel: "2" }\n', 2, 27, /0 to 4/],
    ['a trust level of 1.5', 'version: 1\ndefault: { minTrustLevel: 1.5 }\n', 2, 27, /0 to 4/],
    ['an empty trust level', 'version: 1\ndefault:\n  minTrustLevel:\n', 3, 17, /0 to 4/],
    ['an assurance level of 2', 'version: 1\ndefault: { minIal: 2 }\n', 2, 20, /0 or 1/],
    ['yes for true', 'version: 1\ndefault: { requireBadge: yes }\n', 2, 26, /true or false/],
    ['a rule without match', 'version: 1\ntools:\n  - deny: true\n', 3, 5, /tools\[0\]\.match/],
    ['a match of nothing', 'version: 1\ntools:\n  - match: []\n', 3, 12, /at least one/],
    ['a match without list', 'version: 1\ntools:\n  - match: read_*\n', 3, 12, /list/],
    ['a pattern that is no text', 'version: 1\ntools:\n  - match: [1]\n', 3, 13, /tools\[0\]\.match\[0\]/],
    [
      'a malformed pattern',
      'version: 1\ntools:\n  - match: [a, "[read_*"]\n',
      3,
      16,
      /match\[1\].*no closing.*character 1/,
    ],
    ['an empty pattern', 'version: 1\ntools:\n  - match: [""]\n', 3, 13, /empty pattern/],
    ['an issuer over HTTP', 'version: 1\ndefault: { issuers: ["http://a.example.com"] }\n', 2, 22, /HTTPS origin/],
    [
      'an issuer with a path',
      'version: 1\ndefault: { issuers: ["https://a.example.com/x"] }\n',
      2,
      22,
      /write https:\/\/a\.example\.com$/,
    ],
    ['a DID as issuer', 'version: 1\ndefault: { issuers: ["did:web:a.example.com"] }\n', 2, 22, /HTTPS origin/],
    ['no issuers', 'version: 1\ndefault: { issuers: [] }\n', 2, 21, /at least one/],
    ['no audience', 'version: 1\ndefault: { audience: [] }\n', 2, 22, /at least one/],
    ['an audience with a blank', 'version: 1\ndefault: { audience: ["a b"] }\n', 2, 23, /blanks/],
    ['a default that denies', 'version: 1\ndefault: { deny: true }\n', 2, 18, /leave default out/],
    [
      'issuers without a badge',
      'version: 1\ndefault: { requireBadge: false, issuers: ["https://a.example.com"] }\n',
      2,
      26,
      /Only a badge/,
    ],
    ['a field twice', 'version: 1\ndefault: { minTrustLevel: 4, minTrustLevel: 0 }\n', 2, 30, /twice, first in line 2/],
    ['broken YAML', 'version: 1\ntools:\n  - match: [a\n    minTrustLevel: 2\n', 4, 5, /./],
    ['a tab', 'version: 1\ndefault:\n\tminTrustLevel: 1\n', 3, 1, /[Tt]ab/],
    ['two documents', 'version: 1\n---\nversion: 1\n', 2, 1, /multiple documents/],
    ['an alias', 'version: 1\ndefault: &d { minTrustLevel: 1 }\n', 2, 10, /Anchors/],
    ['a merge key', 'version: 1\ndefault: { <<: { minTrustLevel: 1 } }\n', 2, 12, /Unknown field/],
    ['a tag', 'version: !!int 1\n', 1, 10, /Tags/],
  ])('is refused with its place: %s', (_title, text, line, column, reason) => {
    const { code, problems, message } = refused(text)
    expect(code).toBe('POLICY_INVALID')
    expect(problems[0]).toEqual({ line, column, reason: expect.stringMatching(reason) })
    expect(message).toContain(`line ${line}, column ${column}`)
  })

  test('does not hide the others', () => {
    const { problems } = refused(
      'version: 1\ndefault: { minIal: 7 }\ntools:\n  - match: ["["]\n    denied: true\n  - match: [b]\n    minTrustLevel: x\n',
    )
    expect(problems.map(({ line }) => line).sort()).toEqual([2, 4, 5, 7])
  })

  test('is not repaired by changing a prototype', () => {
    refused('version: 1\n__proto__: { minTrustLevel: 4 }\n')
    expect(({} as Record<string, unknown>)['minTrustLevel']).toBeUndefined()
  })
})

describe('a file that is no text', () => {
  test('is refused when it is larger than 1 MiB', () => {
    const comment = (size: number): string => `version: 1\n#${'x'.repeat(size - 12)}`
    expect(parsePolicyFile(comment(MAX_POLICY_BYTES)).rules).toEqual([])
    expect(refused(comment(MAX_POLICY_BYTES + 1)).code).toBe('POLICY_TOO_LARGE')
  })

  test('is refused when it is not UTF-8', () => {
    const bytes = new TextEncoder().encode('version: 1 # é\n')
    expect(parsePolicyFile(bytes).rules).toEqual([])
    expect(refused(bytes.map((byte) => (byte === 0xc3 ? 0xff : byte))).code).toBe('POLICY_NOT_UTF8')
  })
})
