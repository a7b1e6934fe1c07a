import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Profile } from '../../../core/src/config/config.ts'
import { ConfigRefused } from '../../../core/src/config/config-refused.ts'
import { loadConfig } from '../../../core/src/config/load-config.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-profiles-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

type Outcome = 'permitted' | 'NOT_IN_PROFILE' | 'VALUE_INVALID' | 'CONFLICT'

/** What a start with this file comes to: problems of one kind, or none. */
function outcomeOf(profile: Profile, text: string): { readonly outcome: Outcome; readonly said: string } {
  const file = join(folder, 'capiscio.yaml')
  writeFileSync(file, text)
  try {
    loadConfig({ command: 'serve', flags: { config: file, profile }, env: { HOME: '/home/u' }, cwd: '/srv' })
    return { outcome: 'permitted', said: '' }
  } catch (refused) {
    if (!(refused instanceof ConfigRefused)) throw refused
    const [outcome, ...others] = new Set(refused.problems.map(({ code }) => code))
    expect(others).toEqual([])
    return { outcome: outcome as Outcome, said: refused.message }
  }
}

const issuer = (lines: readonly string[], name = 'https://a.example.com'): string =>
  ['trust:', '  issuers:', `    - issuer: ${name}`, ...lines.map((line) => `      ${line}`), ''].join('\n')

const NO: Outcome = 'NOT_IN_PROFILE'

/** The rows of badges.md §13 and their near neighbours: dev, connected-prod, air-gapped, and what a refusal must say. */
const ROWS: readonly (readonly [string, string, readonly [Outcome, Outcome, Outcome], RegExp?])[] = [
  ['nothing said', '{}\n', ['permitted', 'permitted', 'permitted']],

  ['any self-signed badge', 'trust: { acceptLevelZero: true }\n', ['permitted', NO, NO], /levelZeroKeys/],
  ['no self-signed badge', 'trust: { acceptLevelZero: false }\n', ['permitted', 'permitted', 'permitted']],
  [
    'one self-signed key',
    'trust: { levelZeroKeys: ["did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"] }\n',
    ['permitted', 'permitted', 'permitted'],
  ],
  ['badges without key', 'trust: { requireKey: false }\n', ['permitted', NO, NO], /trust\.requireKey is false/],
  ['badges with key', 'trust: { requireKey: true }\n', ['permitted', 'permitted', 'permitted']],
  ['badges without typ', 'trust: { allowMissingTyp: true }\n', ['permitted', NO, NO], /trust\.allowMissingTyp is true/],
  ['badges with typ', 'trust: { allowMissingTyp: false }\n', ['permitted', 'permitted', 'permitted']],
  ['ES256', 'trust: { allowEs256: true }\n', ['permitted', 'permitted', 'permitted']],

  [
    'an issuer under .invalid',
    issuer(['jwksFile: a.json'], 'https://registry.capisc.invalid'),
    ['permitted', NO, NO],
    /Names under \.invalid are for tests: profile (connected-prod|air-gapped)/,
  ],
  [
    'an issuer that only has .invalid in its name',
    issuer(['jwksFile: a.json'], 'https://registry.invalid.example.com'),
    ['permitted', 'permitted', 'permitted'],
  ],

  [
    'a fixture in the place of revocations',
    'trust: { revocation: { mode: fixture } }\n',
    ['permitted', NO, NO],
    /knows of no revocation/,
  ],
  ['revocations asked live', 'trust: { revocation: { mode: hybrid } }\n', ['permitted', 'permitted', NO], /no network/],
  ['revocations brought along', 'trust: { revocation: { mode: offline } }\n', ['permitted', 'permitted', 'permitted']],
  [
    'knowledge of 300 seconds',
    'trust: { revocation: { maxStalenessSeconds: 300 } }\n',
    ['permitted', 'permitted', 'permitted'],
  ],
  [
    'older knowledge',
    'trust: { revocation: { maxStalenessSeconds: 301 } }\n',
    [NO, NO, 'permitted'],
    /Only profile air-gapped/,
  ],
  ['failing open', 'trust: { revocation: { failOpen: true } }\n', ['permitted', NO, NO], /are denied/],
  ['failing closed', 'trust: { revocation: { failOpen: false } }\n', ['permitted', 'permitted', 'permitted']],

  ['pinned keys', issuer(['jwksFile: a.json']), ['permitted', 'permitted', 'permitted']],
  ['keys by URL', issuer(['jwksUrl: https://a.example.com/jwks.json']), ['permitted', 'permitted', NO], /no network/],
  [
    'keys over HTTP on loopback',
    issuer(['jwksUrl: http://127.0.0.1:8787/jwks.json']),
    ['permitted', NO, NO],
    /is for profile dev|no network/,
  ],
  [
    'keys over HTTP from elsewhere',
    issuer(['jwksUrl: http://10.0.0.1/jwks.json']),
    ['VALUE_INVALID', 'VALUE_INVALID', NO],
    /https|no network/,
  ],
  [
    'keys over HTTP from a name like localhost',
    issuer(['jwksUrl: http://localhost.example.com/jwks.json']),
    ['VALUE_INVALID', 'VALUE_INVALID', NO],
    /https|no network/,
  ],
  [
    'the API of an issuer',
    issuer(['jwksFile: a.json', 'apiUrl: https://a.example.com']),
    ['permitted', 'permitted', NO],
    /no network/,
  ],
  [
    'the DID documents of an issuer',
    issuer(['jwksFile: a.json', 'didNamespaceUrl: https://a.example.com']),
    ['permitted', 'permitted', NO],
    /no network/,
  ],
]

const CASES = ROWS.flatMap(([name, text, outcomes, says]) =>
  (['dev', 'connected-prod', 'air-gapped'] as const).map(
    (profile, index) => [profile, name, outcomes[index] as Outcome, text, says] as const,
  ),
)

describe('a core that starts in profile', () => {
  test.each(CASES)('%s with %s: %s', (profile, _, outcome, text, says) => {
    const decided = outcomeOf(profile, text)
    expect(decided.outcome).toBe(outcome)
    if (outcome !== 'permitted') {
      expect(decided.said).toContain(join(folder, 'capiscio.yaml:'))
      expect(decided.said).toMatch(says ?? /never/)
    }
  })

  test('dev is lenient only where it is told to be', () => {
    const { config } = loadConfig({ command: 'dev', flags: {}, env: { HOME: '/home/u' }, cwd: '/srv' })
    expect(config.trust).toMatchObject({ acceptLevelZero: false, requireKey: true, allowMissingTyp: false })
  })
})
