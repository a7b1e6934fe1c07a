import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { addApiKeyCommand } from '../../../core/src/cli/apikey.ts'
import { addConfigCommand } from '../../../core/src/cli/config-check.ts'
import { addPolicyCommand } from '../../../core/src/cli/policy.ts'
import { printable } from '../../../core/src/cli/print.ts'
import { createApiKeyRing, hashApiKey } from '../../../core/src/domain/guard/api-keys.ts'
import { policyVersion } from '../../../core/src/domain/policy/policy-file.ts'
import { TEST_CA } from '../../fakes/https-server.ts'
import { runCommand } from '../../tools/run-command.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-cli-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCommand(
    (program, io) => {
      for (const add of [addApiKeyCommand, addConfigCommand, addPolicyCommand]) add(program, io)
    },
    args,
    { env: { HOME: folder, ...env } },
  )

describe.each([
  ['config', 'check'],
  ['policy', 'check'],
  ['policy', 'explain'],
  ['apikey', 'create'],
])('%s %s', (...command) => {
  test('--help shows an example and the exit codes', async () => {
    const { code, stdout } = await run([...command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`Examples?:\\n  \\$ capiscio ${command.join(' ')}`))
    expect(stdout).toContain('Exit codes:')
    expect(stdout).toContain('--json')
  })

  test('an unknown option is wrong usage', async () => {
    expect((await run([...command, '--nonsense'])).code).toBe(2)
  })
})

describe('apikey create', () => {
  test('prints the key alone on standard output, and an entry that the core reads', async () => {
    const { code, stdout, stderr } = await run(['apikey', 'create', 'ci-runner'])
    const key = stdout.trimEnd()
    expect(code).toBe(0)
    expect(key).toMatch(/^cpk_[A-Za-z0-9_-]{43}$/)
    expect(stderr).not.toContain(key)
    const entry = stderr.slice(stderr.indexOf('apiKeys:'))
    const config = write('capiscio.yaml', entry)
    expect((await run(['config', 'check', '--config', config])).code).toBe(0)
    expect(entry).toContain(hashApiKey(key))
  })

  test('prints JSON', async () => {
    const { code, json, stderr } = await run(['apikey', 'create', 'ci', '--json'])
    const { key, entry, principal } = json() as {
      key: string
      entry: { name: string; hash: string }
      principal: string
    }
    expect([code, principal, stderr]).toEqual([0, 'apikey:ci', ''])
    expect(createApiKeyRing([entry]).lookup(key)).toBe('ci')
  })

  test('makes an entry that is read back also where the name looks like a number', async () => {
    const { stderr } = await run(['apikey', 'create', '1e3'])
    const config = write('capiscio.yaml', stderr.slice(stderr.indexOf('apiKeys:')))
    expect((await run(['config', 'check', '--config', config])).stdout).toMatch(/apiKeys\[0\]\.name +1e3/)
  })

  test.each(['a b', '', 'x'.repeat(65), 'ä', '../x'])(
    'refuses the name %j as wrong usage, and makes no key',
    async (name) => {
      const { code, stdout, stderr } = await run(['apikey', 'create', name])
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(/1 to 64 letters/)
    },
  )
})

const POLICY = `version: 1
default: { minTrustLevel: 1 }
tools:
  - match: ["read_*"]
    minTrustLevel: 2
    issuers: ["https://a.example.com"]
    audience: ["urn:x"]
  - match: ["drop_*"]
    deny: true
`

describe('policy check', () => {
  test('shows the version of a valid file', async () => {
    const file = write('policy.yaml', POLICY)
    const { code, stdout } = await run(['policy', 'check', file])
    expect(code).toBe(0)
    expect(stdout).toContain(policyVersion(POLICY))
    expect(stdout).toContain('2 rules')
    expect((await run(['policy', 'check', file, '--json'])).json()).toEqual({
      valid: true,
      policyVersion: policyVersion(POLICY),
      rules: 2,
      hasDefault: true,
    })
  })

  test('names file, line, column and reason of each mistake', async () => {
    const file = write('policy.yaml', 'version: 1\ntools:\n  - match: ["[x"]\n    level: 2\n')
    const { code, stdout, stderr } = await run(['policy', 'check', file])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(`${file}:3:13: tools[0].match[0]: The [ has no closing ]`)
    expect(stderr).toContain(`${file}:4:5: "tools[0].level": Unknown field`)
    const { json, code: jsonCode } = await run(['policy', 'check', file, '--json'])
    expect(jsonCode).toBe(1)
    expect(json()).toMatchObject({ valid: false, problems: [{ source: `${file}:3:13` }, { source: `${file}:4:5` }] })
  })

  test.each(['missing.yaml', '.'])('says when %s cannot be read', async (name) => {
    const { code, stderr } = await run(['policy', 'check', join(folder, name)])
    expect(code).toBe(1)
    expect(stderr).toContain(join(folder, name))
  })

  test('needs a file', async () => {
    expect((await run(['policy', 'check'])).code).toBe(2)
  })
})

describe('policy explain', () => {
  const explain = (tool: string, ...more: string[]) =>
    run(['policy', 'explain', '--policy', write('policy.yaml', POLICY), '--tool', tool, ...more])

  test('shows rules, demands and their sources', async () => {
    const { code, stdout } = await explain('read_file')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^rule +tools\[0\] in line 4, by "read_\*"$/m)
    expect(stdout).toMatch(/^trust level +2 or higher +from tools\[0\] in line 4$/m)
    expect(stdout).toMatch(/^badge +required +from tools\[0\] in line 4$/m)
    expect(stdout).toMatch(/^issuers +https:\/\/a\.example\.com +from tools\[0\] in line 4$/m)
    expect(stdout).not.toMatch(/^caller/m)
    expect(stdout).not.toMatch(/none matches/)
    const other = await explain('write_file')
    expect(other.stdout).toMatch(/^rule +none matches$/m)
    expect(other.stdout).toMatch(/^trust level +1 or higher +from default$/m)
  })

  test.each([
    ['read_file', ['--level', '2'], 0, undefined],
    ['read_file', ['--level', '1'], 1, 'TRUST_INSUFFICIENT'],
    ['read_file', ['--ial', '1'], 1, 'TRUST_INSUFFICIENT'],
    ['read_file', ['--anonymous'], 1, 'BADGE_MISSING'],
    ['other', ['--api-key'], 1, 'TRUST_INSUFFICIENT'],
    ['drop_table', ['--level', '4', '--ial', '1'], 1, 'POLICY_DENIED'],
  ])('says whether a caller of %s with %j passes', async (tool, caller, expected, reason) => {
    const { code, json } = await explain(tool, ...caller, '--json')
    expect(code).toBe(expected)
    expect(json()).toMatchObject({ tool, verdict: { outcome: expected === 0 ? 'ALLOW' : 'DENY' } })
    expect((json()['verdict'] as { reason?: string }).reason).toBe(reason)
  })

  test.each([
    [['--level', '5']],
    [['--level', '02']],
    [['--level', 'two']],
    [['--ial', '2']],
    [['--level', '2', '--anonymous']],
    [['--api-key', '--anonymous']],
  ])('is wrong usage with %j', async (caller) => {
    const { code, stdout } = await explain('read_file', ...caller)
    expect([code, stdout]).toEqual([2, ''])
  })

  test('needs a tool', async () => {
    expect((await run(['policy', 'explain'])).code).toBe(2)
  })

  test('uses the policy of the configuration, and none where there is none', async () => {
    write('policy.yaml', POLICY)
    const config = write('capiscio.yaml', 'policyFile: policy.yaml\n')
    const { json } = await run(['policy', 'explain', '--tool', 'x', '--json'], { CAPISCIO_CONFIG: config })
    expect(json()).toMatchObject({ policyVersion: policyVersion(POLICY) })
    expect((await run(['policy', 'explain', '--tool', 'x', '--json', '--config', config])).json()).toMatchObject({
      policyVersion: policyVersion(POLICY),
    })
    expect((await run(['policy', 'explain', '--tool', 'x', '--json'])).json()).toMatchObject({ policyVersion: 'none' })
  })

  test('reports a broken configuration and a broken policy', async () => {
    const config = write('capiscio.yaml', 'nope: 1\n')
    const broken = await run(['policy', 'explain', '--tool', 'x', '--config', config])
    expect([broken.code, broken.stdout]).toEqual([1, ''])
    expect(broken.stderr).toContain(`${config}:1:1`)
    const policy = write('broken.yaml', 'version: 3\n')
    expect((await run(['policy', 'explain', '--tool', 'x', '--policy', policy])).stderr).toContain(`${policy}:1:10`)
  })

  test('shows control characters of a name as escapes', async () => {
    const { stdout } = await explain('read_\u001b[31m\u202e\n')
    expect(stdout).not.toContain('\u001b')
    expect(stdout).not.toContain('\u202e')
    expect(stdout).toMatch(/^tool +"read_/m)
  })

  test.each(['__proto__', 'constructor', 'toString'])('knows %s as a plain name', async (tool) => {
    const { code, json } = await explain(tool, '--level', '1', '--json')
    expect(code).toBe(0)
    expect(json()).toMatchObject({ tool, rules: [], verdict: { outcome: 'ALLOW' } })
  })
})

describe('config check', () => {
  const JWKS = '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
  const CONFIG = `policyFile: policy.yaml
trust:
  issuers:
    - issuer: https://a.example.com
      jwksFile: jwks.json
apiKeys:
  - name: ci
    hash: "${hashApiKey('k')}"
`

  test('prints each value with its origin and masks what is not to be seen', async () => {
    write('policy.yaml', POLICY)
    write('jwks.json', JWKS)
    const config = write('capiscio.yaml', CONFIG)
    const env = { CAPISCIO_LOG_LEVEL: 'warn', CAPISCIO_REGISTRY_API_KEY: 'sk-canary', CAPISCIO_AUDIENC: 'x' }
    const { code, stdout, stderr } = await run(['config', 'check', '--config', config, '--http', 'none'], env)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^profile +connected-prod +default$/m)
    expect(stdout).toMatch(/^logLevel +warn +CAPISCIO_LOG_LEVEL$/m)
    expect(stdout).toContain(`${config}:4:15`)
    expect(stdout).toMatch(/^apiKeys\[0\]\.hash +\*{8} /m)
    expect(stdout).not.toContain('listen.http')
    expect(stderr).toContain('warning: CAPISCIO_AUDIENC')
    const { json, stdout: text } = await run(['config', 'check', '--config', config, '--json'], env)
    expect(json()).toMatchObject({
      valid: true,
      configFile: config,
      warnings: [{ source: 'CAPISCIO_REGISTRY_API_KEY' }, { source: 'CAPISCIO_AUDIENC' }],
    })
    for (const printed of [stdout, stderr, text]) expect(printed).not.toMatch(/canary|sha256:/)
  })

  test('shows what rpc would do', async () => {
    const { stdout } = await run(['config', 'check', '--rpc'])
    expect(stdout).toMatch(/^listen\.socket +.*rpc\.sock +default$/m)
    expect(stdout).not.toContain('listen.tcp')
  })

  test('prints every problem', async () => {
    const config = write('capiscio.yaml', 'trust: { acceptLevelZero: true }\nlogLevel: loud\n')
    const { code, stdout, stderr } = await run(['config', 'check', '--config', config, '--listen', '0.0.0.0:1'])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr.trimEnd().split('\n')).toHaveLength(3)
    expect(stderr).toContain(`${config}:1:27: `)
    expect(stderr).toContain('--listen: ')
    const { json } = await run(['config', 'check', '--config', config, '--json'])
    expect(json()).toMatchObject({ valid: false, problems: [{ code: 'NOT_IN_PROFILE' }, { code: 'VALUE_INVALID' }] })
  })

  test.each([
    ['a broken policy', 'version: 9\n', JWKS, /policy\.yaml:1:10: /],
    ['no policy file', undefined, JWKS, /policy\.yaml: .*cannot be read/],
    ['no key file', POLICY, undefined, /jwks\.json: .*cannot be read/],
    ['a key file without keys', POLICY, '{"keys":[]}', /jwks\.json: .*no usable key/],
    ['a key file that is no JSON', POLICY, 'nope', /jwks\.json: /],
  ])('looks into the files that are named: %s', async (_title, policy, jwks, expected) => {
    if (policy !== undefined) write('policy.yaml', policy)
    if (jwks !== undefined) write('jwks.json', jwks)
    const { code, stderr } = await run(['config', 'check', '--config', write('capiscio.yaml', CONFIG)])
    expect(code).toBe(1)
    expect(stderr).toMatch(expected)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  test.each([
    ['no file', undefined, /ca\.pem: .*cannot be read/],
    ['a file without certificates', 'hello\n', /ca\.pem: .*no certificate in PEM form/],
  ])('looks into the file of certificates: %s', async (_title, text, expected) => {
    if (text !== undefined) write('ca.pem', text)
    const config = write('capiscio.yaml', 'outbound: { caFile: ca.pem }\n')
    const { code, stderr } = await run(['config', 'check', '--config', config])
    expect([code, stderr]).toEqual([1, expect.stringMatching(expected)])
  })

  test('shows how the core reaches out', async () => {
    write('ca.pem', TEST_CA)
    const config = write(
      'capiscio.yaml',
      'outbound: { caFile: ca.pem }\ntrust: { issuers: [{ issuer: https://a.example.com }] }\n',
    )
    const { code, stdout } = await run(['config', 'check', '--config', config])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^outbound\.caFile +\/.*\/ca\.pem +.*:1:21$/m)
    expect(stdout).toMatch(/^trust\.jwksMaxStaleSeconds +3600 +default$/m)
    expect(stdout).toContain('https://a.example.com/.well-known/jwks.json')
  })

  test('counts a P-256 key as usable where ES256 is allowed, and nowhere else', async () => {
    const ec = {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    }
    write('policy.yaml', POLICY)
    write('jwks.json', JSON.stringify({ keys: [ec] }))
    const check = (text: string) => run(['config', 'check', '--config', write('capiscio.yaml', text)])
    expect((await check(CONFIG)).stderr).toMatch(/no usable key/)
    expect((await check(CONFIG.replace('trust:', 'trust:\n  allowEs256: true'))).code).toBe(0)
  })
})

test('what is printed for people holds no control characters', () => {
  expect(printable('a\u001b[2J\n\u202eb\u2028\ud800ü')).toBe('a\\u{1b}[2J\\u{a}\\u{202e}b\\u{2028}\\u{d800}ü')
})
