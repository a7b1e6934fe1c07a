import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Config } from '../../../core/src/config/config.ts'
import type { ConfigFlags, CoreCommand } from '../../../core/src/config/config-flags.ts'
import { type ConfigProblem, ConfigRefused } from '../../../core/src/config/config-refused.ts'
import { reportConfig } from '../../../core/src/config/config-report.ts'
import { type LoadedConfig, loadConfig } from '../../../core/src/config/load-config.ts'
import { hashApiKey } from '../../../core/src/domain/guard/api-keys.ts'
import { thrownBy } from '../domain/policy/thrown-by.ts'

interface Given {
  readonly command?: CoreCommand
  readonly flags?: ConfigFlags
  readonly env?: Readonly<Record<string, string>>
  readonly file?: string
}

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-config-'))
  mkdirSync(join(folder, 'etc'))
  file = join(folder, 'etc', 'capiscio.yaml')
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function load({ command = 'serve', flags = {}, env = {}, file: text }: Given): LoadedConfig {
  if (text !== undefined) writeFileSync(file, text)
  const withFile = text === undefined ? flags : { config: file, ...flags }
  return loadConfig({ command, flags: withFile, env: { HOME: '/home/u', ...env }, cwd: '/srv' })
}

const decide = (given: Given): Config => load(given).config

const problems = (given: Given): readonly ConfigProblem[] => thrownBy(ConfigRefused, () => load(given)).problems

/** The only problem that there is. */
function problem(given: Given): ConfigProblem {
  const all = problems(given)
  expect(all).toHaveLength(1)
  return all[0] as ConfigProblem
}

const originOf = (given: Given, path: string): string | undefined =>
  reportConfig(load(given)).find((row) => row.path === path)?.origin

const KEY = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
const X = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
const EC = {
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
}

describe('without file, environment and flags', () => {
  test('serve has these defaults', () => {
    expect(decide({})).toEqual({
      profile: 'connected-prod',
      web: { allowedOrigins: [] },
      listen: { tcp: { host: '127.0.0.1', port: 50051 }, http: { host: '127.0.0.1', port: 50052 } },
      portFallback: false,
      insecure: false,
      stateDir: '/home/u/.capiscio/core',
      evidence: {
        root: '/home/u/.capiscio/evidence',
        mode: 'local',
        retentionDays: 0,
        startEmpty: false,
        verifyAtStart: false,
        anchorFiles: [],
      },
      trust: {
        issuers: [],
        acceptLevelZero: false,
        requireKey: true,
        allowMissingTyp: false,
        allowEs256: false,
        levelZeroKeys: [],
        audience: [],
        requireAudience: false,
        clockSkewSeconds: 60,
        jwksMaxStaleSeconds: 3600,
        revocation: {
          mode: 'hybrid',
          syncIntervalSeconds: 30,
          statusMaxAgeSeconds: 30,
          maxStalenessSeconds: 300,
          staleAtLevelOne: 'accept',
          failOpen: false,
          cacheDir: '/home/u/.capiscio/core/revocations',
        },
        localRevocations: '/home/u/.capiscio/core/local-revocations.jsonl',
        storePath: '/home/u/.capiscio/trust',
      },
      outbound: {},
      apiKeys: [],
      enforcementMode: 'EM-GUARD',
      limits: {
        maxMessageBytes: 4_194_304,
        maxWaitingDecisions: 4096,
        maxConcurrentStreams: 1024,
        maxConnections: 1024,
        badgeCacheEntries: 16_384,
        badgeCacheBytes: 33_554_432,
      },
      shutdownGraceMs: 10_000,
      logLevel: 'info',
    })
  })

  test('rpc listens on a socket, opens no web listener, logs to a file and stops within 4 seconds', () => {
    expect(decide({ command: 'rpc' })).toMatchObject({
      profile: 'connected-prod',
      listen: { socket: '/home/u/.capiscio/rpc.sock' },
      logFile: '/home/u/.capiscio/core/rpc.log',
      shutdownGraceMs: 4_000,
    })
    expect(decide({ command: 'rpc' }).listen).toEqual({ socket: '/home/u/.capiscio/rpc.sock' })
  })

  test('dev keeps everything in the working folder and takes free ports', () => {
    expect(decide({ command: 'dev' })).toMatchObject({
      profile: 'dev',
      portFallback: true,
      stateDir: '/srv/.capiscio-dev/state',
      evidence: { root: '/srv/.capiscio-dev/evidence' },
      trust: { storePath: '/srv/.capiscio-dev/trust' },
    })
  })

  test('dev does not take another port than the one that was asked for', () => {
    expect(decide({ command: 'dev', flags: { listen: '127.0.0.1:6000' } }).portFallback).toBe(false)
  })

  test('nothing can be changed afterwards', () => {
    const { config } = load({ file: `trust: { audience: [a] }\napiKeys: [{ name: a, hash: "${hashApiKey('k')}" }]\n` })
    const changes: (() => void)[] = [
      () => Object.assign(config, { profile: 'dev' }),
      () => Object.assign(config.limits, { maxMessageBytes: 1 }),
      () => (config.trust.audience as string[]).push('b'),
      () => (config.apiKeys as unknown[]).pop(),
      () => Object.assign(config.apiKeys[0] ?? {}, { hash: hashApiKey('evil') }),
      () => Object.assign(config.listen, { socket: '/x' }),
    ]
    for (const change of changes) expect(change).toThrow(TypeError)
  })

  test('HOME is needed only for what is not configured', () => {
    const env = { HOME: '', CAPISCIO_STATE_DIR: '/s', CAPISCIO_EVIDENCE_DIR: '/e' }
    expect(decide({ env }).stateDir).toBe('/s')
    expect(problem({ env: { ...env, CAPISCIO_STATE_DIR: '' } })).toMatchObject({
      source: 'default',
      reason: expect.stringContaining('CAPISCIO_STATE_DIR'),
    })
  })
})

describe('a value that several sources give', () => {
  const text = 'profile: air-gapped\nlogLevel: error\nstateDir: /file\n'

  test('comes from the strongest: default, file, environment, flag', () => {
    const env = { CAPISCIO_LOG_LEVEL: 'warn', CAPISCIO_STATE_DIR: '/env', CAPISCIO_PROFILE: 'connected-prod' }
    const flags = { logLevel: 'debug', stateDir: '/flag', profile: 'dev' }
    const chosen = (given: Given) => {
      const { profile, logLevel, stateDir } = decide(given)
      return [profile, logLevel, stateDir]
    }
    expect(chosen({})).toEqual(['connected-prod', 'info', '/home/u/.capiscio/core'])
    expect(chosen({ file: text })).toEqual(['air-gapped', 'error', '/file'])
    expect(chosen({ file: text, env })).toEqual(['connected-prod', 'warn', '/env'])
    expect(chosen({ file: text, env, flags })).toEqual(['dev', 'debug', '/flag'])
  })

  test('says where it came from', () => {
    expect(originOf({}, 'logLevel')).toBe('default')
    expect(originOf({ file: text }, 'logLevel')).toBe(`${file}:2:11`)
    expect(originOf({ file: text, env: { CAPISCIO_LOG_LEVEL: 'warn' } }, 'logLevel')).toBe('CAPISCIO_LOG_LEVEL')
    expect(originOf({ file: text, flags: { logLevel: 'debug' } }, 'logLevel')).toBe('--log-level')
  })

  test('an empty variable is none', () => {
    expect(decide({ file: text, env: { CAPISCIO_LOG_LEVEL: '' } }).logLevel).toBe('error')
  })

  test('a wrong weaker value is not looked at, a wrong stronger one is refused', () => {
    expect(decide({ env: { CAPISCIO_LOG_LEVEL: 'loud' }, flags: { logLevel: 'debug' } }).logLevel).toBe('debug')
    expect(problem({ env: { CAPISCIO_LOG_LEVEL: 'loud' }, file: 'logLevel: debug\n' })).toEqual({
      code: 'VALUE_INVALID',
      source: 'CAPISCIO_LOG_LEVEL',
      reason: 'Write one of trace, debug, info, warn, error, fatal, silent',
    })
  })
})

describe('the configuration file', () => {
  test('is named by --config before CAPISCIO_CONFIG', () => {
    writeFileSync(file, 'logLevel: debug\n')
    expect(decide({ env: { CAPISCIO_CONFIG: file } }).logLevel).toBe('debug')
    expect(problem({ env: { CAPISCIO_CONFIG: file }, flags: { config: '/nowhere/x.yaml' } })).toMatchObject({
      code: 'FILE_UNREADABLE',
      source: '--config',
      reason: expect.stringContaining('/nowhere/x.yaml'),
    })
  })

  test('gives relative paths from its own folder, and ~ is the home folder', () => {
    const { stateDir, policyFile, evidence, logFile, listen } = decide({
      file: 'stateDir: ../state\npolicyFile: policy.yaml\nevidence: { directory: ./log }\nlogFile: ~/core.log\nlisten: { socket: core.sock }\n',
    })
    expect([stateDir, policyFile, evidence.directory, logFile, listen.socket]).toEqual([
      join(folder, 'state'),
      join(folder, 'etc', 'policy.yaml'),
      join(folder, 'etc', 'log'),
      '/home/u/core.log',
      join(folder, 'etc', 'core.sock'),
    ])
  })

  test('relative paths elsewhere start from the working folder', () => {
    const { stateDir, policyFile } = decide({ env: { CAPISCIO_STATE_DIR: 's' }, flags: { policy: 'p.yaml' } })
    expect([stateDir, policyFile]).toEqual(['/srv/s', '/srv/p.yaml'])
  })

  test.each([
    ['nothing', '', '1:1'],
    ['only comments', '# nothing yet\n', '1:1'],
    ['an unknown field', 'profil: dev\n', '1:1'],
    ['an unknown field inside', 'limits:\n  maxMessageByte: 1\n', '2:3'],
    ['__proto__', '__proto__: { profile: dev }\n', '1:1'],
    ['constructor', 'trust: { constructor: 1 }\n', '1:10'],
    ['a field twice', 'profile: dev\nprofile: air-gapped\n', '2:1'],
    ['a number for a text', 'stateDir: 1\n', '1:11'],
    ['a text for a number', 'limits: { maxMessageBytes: "100000" }\n', '1:28'],
    ['a message limit below 16 KiB', 'limits: { maxMessageBytes: 16383 }\n', '1:28'],
    ['half a message', 'limits: { maxMessageBytes: 100000.5 }\n', '1:28'],
    ['no waiting decisions', 'limits: { maxWaitingDecisions: 0 }\n', '1:32'],
    ['a clock skew of 301', 'trust: { clockSkewSeconds: 301 }\n', '1:28'],
    ['keys too old by far', 'trust: { jwksMaxStaleSeconds: 604801 }\n', '1:31'],
    ['keys too old too soon', 'trust: { jwksMaxStaleSeconds: 599 }\n', '1:31'],
    ['a CA file that is no text', 'outbound: { caFile: 1 }\n', '1:21'],
    ['an unknown outbound option', 'outbound: { proxy: x }\n', '1:13'],
    ['a negative clock skew', 'trust: { clockSkewSeconds: -1 }\n', '1:28'],
    ['an enforcement mode in lower case', 'enforcementMode: em-strict\n', '1:18'],
    ['an API key instead of its hash', 'apiKeys: [{ name: a, hash: cpk_secret }]\n', '1:28'],
    ['an API key with a bad name', `apiKeys: [{ name: "a b", hash: "${hashApiKey('k')}" }]\n`, '1:19'],
    [
      'two keys of one name',
      `apiKeys: [{ name: a, hash: "${hashApiKey('k')}" }, { name: a, hash: "${hashApiKey('l')}" }]\n`,
      '1:92',
    ],
    [
      'two names of one key',
      `apiKeys: [{ name: a, hash: "${hashApiKey('k')}" }, { name: b, hash: "${hashApiKey('k')}" }]\n`,
      '1:101',
    ],
    ['broken YAML', 'trust: { audience: [a }\n', '1:23'],
  ])('is refused with %s', (_title, text, place) => {
    const refused = problems({ file: text })
    expect(refused[0]).toMatchObject({ code: 'FILE_INVALID', source: `${file}:${place}` })
    expect(JSON.stringify(refused)).not.toContain('cpk_secret')
  })

  test('is accepted at the edges of its numbers', () => {
    const { limits, trust } = decide({
      file: 'limits: { maxMessageBytes: 16384, maxWaitingDecisions: 1 }\ntrust: { clockSkewSeconds: 300 }\n',
    })
    expect([limits.maxMessageBytes, limits.maxWaitingDecisions, trust.clockSkewSeconds]).toEqual([16_384, 1, 300])
    expect(decide({ file: 'trust: { clockSkewSeconds: 0 }\n' }).trust.clockSkewSeconds).toBe(0)
  })

  test('is refused when it is larger than 1 MiB', () => {
    expect(problem({ file: `logLevel: info #${'x'.repeat(1024 * 1024)}\n` }).code).toBe('FILE_UNREADABLE')
  })

  test('is refused when it is not UTF-8', () => {
    writeFileSync(file, new Uint8Array([0x61, 0x3a, 0x20, 0xff]))
    expect(problem({ flags: { config: file } }).code).toBe('FILE_UNREADABLE')
  })

  test('is never read without end', () => {
    expect(problem({ flags: { config: '/dev/zero' } })).toMatchObject({
      code: 'FILE_UNREADABLE',
      reason: expect.stringContaining('larger than'),
    })
  })
})

describe('problems', () => {
  test('are all reported, each with its source', () => {
    const refused = problems({
      file: 'profile: prod\ntrust:\n  issuers:\n    - issuer: http://a.example.com\n      jwksFile: a.json\n    - issuer: https://b.example.com\n      jwksFile: b.json\n      keys: { keys: [{}] }\nlogLevel: loud\n',
      env: { CAPISCIO_EVIDENCE_MODE: 'Local', CAPISCIO_AUDIENCE: ' , ' },
      flags: { listen: '0.0.0.0:50051', http: ':80' },
    })
    expect(refused.map(({ source, code }) => [source, code])).toEqual([
      [`${file}:1:10`, 'VALUE_INVALID'],
      ['--http', 'VALUE_INVALID'],
      ['--listen', 'VALUE_INVALID'],
      ['CAPISCIO_EVIDENCE_MODE', 'VALUE_INVALID'],
      [`${file}:4:15`, 'VALUE_INVALID'],
      [`${file}:8:13`, 'VALUE_INVALID'],
      [`${file}:6:7`, 'CONFLICT'],
      ['CAPISCIO_AUDIENCE', 'VALUE_INVALID'],
      [`${file}:9:11`, 'VALUE_INVALID'],
    ])
  })

  test('beside a broken file are reported with it', () => {
    const refused = problems({ file: 'nope: 1\n', env: { CAPISCIO_EVIDENCE_MODE: 'all' }, flags: { http: 'x' } })
    expect(refused.map(({ source }) => source)).toEqual([`${file}:1:1`, '--http', 'CAPISCIO_EVIDENCE_MODE'])
  })

  test('are lines of one message', () => {
    const { message } = thrownBy(ConfigRefused, () => load({ flags: { http: 'x', listen: 'y' } }))
    expect(message.split('\n')).toHaveLength(2)
    expect(message).toMatch(/^--listen: .*\n--http: /)
  })
})

describe('profiles', () => {
  test('an unknown one is refused, whatever its spelling', () => {
    for (const profile of ['Dev', 'prod', 'constructor']) {
      expect(problem({ env: { CAPISCIO_PROFILE: profile } })).toMatchObject({
        source: 'CAPISCIO_PROFILE',
        reason: 'Write one of dev, connected-prod, air-gapped',
      })
    }
  })

  test('dev runs in no other one', () => {
    expect(problem({ command: 'dev', env: { CAPISCIO_PROFILE: 'connected-prod' } }).code).toBe('CONFLICT')
    expect(decide({ command: 'dev', env: { CAPISCIO_PROFILE: 'dev' } }).profile).toBe('dev')
  })
})

describe('the way out', () => {
  test('may verify servers with certificates of a file, relative to the configuration', () => {
    const given = { file: 'outbound: { caFile: ca.pem }\ntrust: { jwksMaxStaleSeconds: 600 }\n' }
    expect(decide(given).outbound).toEqual({ caFile: join(folder, 'etc', 'ca.pem') })
    expect(decide(given).trust.jwksMaxStaleSeconds).toBe(600)
    expect(originOf(given, 'outbound.caFile')).toBe(`${file}:1:21`)
    expect(originOf(given, 'trust.jwksMaxStaleSeconds')).toBe(`${file}:2:31`)
  })
})

describe('issuers', () => {
  const issuer = (lines: string): string => `trust:\n  issuers:\n    - issuer: https://a.example.com\n${lines}`
  const inline = (jwk: string): string => issuer(`      keys: { keys: [${jwk}] }\n`)
  const jwk = `{ kty: OKP, crv: Ed25519, x: ${X}, kid: k1 }`
  const ec = `{ kty: EC, crv: P-256, x: ${EC.x}, y: ${EC.y}, kid: ec }`

  test('have their keys from a file, a URL or the configuration itself', () => {
    expect(decide({ file: issuer('      jwksFile: keys.json\n') }).trust.issuers).toEqual([
      { issuer: 'https://a.example.com', jwksFile: join(folder, 'etc', 'keys.json') },
    ])
    expect(decide({ file: issuer('      jwksUrl: https://b.example.com/j\n') }).trust.issuers).toEqual([
      { issuer: 'https://a.example.com', jwksUrl: 'https://b.example.com/j' },
    ])
    expect(decide({ file: inline(jwk) }).trust.issuers).toEqual([
      { issuer: 'https://a.example.com', keys: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: X, kid: 'k1' }] } },
    ])
  })

  test('may have P-256 keys where ES256 is allowed', () => {
    const allowed = inline(`${jwk}, ${ec}`).replace('trust:', 'trust:\n  allowEs256: true')
    expect(decide({ file: allowed }).trust.issuers[0]?.keys?.keys).toHaveLength(2)
    expect(problem({ file: inline(ec) })).toMatchObject({ code: 'VALUE_INVALID' })
    for (const [from, to] of [
      [EC.y, EC.x],
      ['kid: ec', `kid: ec, d: ${EC.x}`],
      ['kid: ec', 'kid: k1'],
      ['kid: ec', 'kid: ec, alg: ES384'],
    ] as const) {
      expect(problem({ file: allowed.replace(from, to) }).code, to).toBe('VALUE_INVALID')
    }
  })

  test('without a place for keys have them where they publish them', () => {
    expect(decide({ file: issuer('') }).trust.issuers).toEqual([
      { issuer: 'https://a.example.com', jwksUrl: 'https://a.example.com/.well-known/jwks.json' },
    ])
    expect(decide({ file: issuer('      apiUrl: https://api.example.com:8443/v1/\n') }).trust.issuers).toEqual([
      {
        issuer: 'https://a.example.com',
        apiUrl: 'https://api.example.com:8443/v1/',
        jwksUrl: 'https://api.example.com:8443/.well-known/jwks.json',
      },
    ])
    expect(problem({ file: issuer(''), flags: { profile: 'air-gapped' } })).toMatchObject({
      code: 'CONFLICT',
      source: `${file}:3:7`,
    })
  })

  test.each([
    ['two places for keys', issuer('      jwksFile: a\n      jwksUrl: https://a.example.com/j\n'), 'CONFLICT'],
    ['a key file and keys', issuer(`      jwksFile: a\n      keys: { keys: [${jwk}] }\n`), 'CONFLICT'],
    ['a path in the issuer', issuer('      jwksFile: a\n').replace('.com', '.com/x'), 'VALUE_INVALID'],
    ['a user in a URL', issuer('      jwksUrl: https://u:p@a.example.com/j\n'), 'VALUE_INVALID'],
    ['a fragment in a URL', issuer('      jwksUrl: https://a.example.com/j#x\n'), 'VALUE_INVALID'],
    ['a query in a URL that paths come behind', issuer('      apiUrl: https://a.example.com/?x\n'), 'VALUE_INVALID'],
    ['a query in a namespace', issuer('      didNamespaceUrl: https://a.example.com/?x\n'), 'VALUE_INVALID'],
    ['a file URL', issuer('      jwksUrl: file:///etc/passwd\n'), 'VALUE_INVALID'],
    [
      'a private key',
      inline(`{ kty: OKP, crv: Ed25519, x: ${X}, d: nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A }`),
      'VALUE_INVALID',
    ],
    ['a small-order key', inline(`{ kty: OKP, crv: Ed25519, x: ${'A'.repeat(43)} }`), 'VALUE_INVALID'],
    ['a short key', inline('{ kty: OKP, crv: Ed25519, x: AAAA }'), 'VALUE_INVALID'],
    ['an RSA key', inline('{ kty: RSA, n: AQAB, e: AQAB }'), 'VALUE_INVALID'],
    ['a kid twice', inline(`${jwk}, ${jwk}`), 'VALUE_INVALID'],
    ['a kid that is a number', inline(`{ kty: OKP, crv: Ed25519, x: ${X}, kid: 1 }`), 'VALUE_INVALID'],
  ])('are refused with %s', (_title, text, code) => {
    const refused = problem({ file: text })
    expect(refused.code).toBe(code)
    expect(refused.reason).not.toContain('nWGxne')
  })

  test('are refused when one is given twice, also with a slash', () => {
    const two = `${issuer('      jwksFile: a\n')}    - issuer: https://a.example.com/\n      jwksFile: b\n`
    expect(problem({ file: two })).toMatchObject({ code: 'CONFLICT', source: `${file}:5:15` })
  })
})

describe('CAPISCIO_REGISTRY_ENDPOINT', () => {
  const endpoint = (url: string): Given => ({ env: { CAPISCIO_REGISTRY_ENDPOINT: url } })

  test.each([
    'https://registry.example.com',
    'https://registry.example.com/',
    'https://registry.example.com/v1/events',
  ])('%s names the issuer https://registry.example.com', (url) => {
    expect(decide(endpoint(url)).trust.issuers).toEqual([
      { issuer: 'https://registry.example.com', jwksUrl: 'https://registry.example.com/.well-known/jwks.json' },
    ])
  })

  test('leaves an issuer of the file as the file says', () => {
    const given = {
      ...endpoint('https://a.example.com/v1/events'),
      file: 'trust: { issuers: [{ issuer: https://a.example.com, jwksFile: /k.json }] }\n',
    }
    expect(decide(given).trust.issuers).toEqual([{ issuer: 'https://a.example.com', jwksFile: '/k.json' }])
  })

  test.each([
    ['http://registry.example.com', 'connected-prod', 'VALUE_INVALID'],
    ['https://u:p@registry.example.com', 'connected-prod', 'VALUE_INVALID'],
    ['registry.example.com', 'connected-prod', 'VALUE_INVALID'],
    ['https://registry.capiscio.invalid', 'connected-prod', 'NOT_IN_PROFILE'],
    ['https://registry.example.com', 'air-gapped', 'NOT_IN_PROFILE'],
  ])('%s in profile %s is refused: %s', (url, profile, code) => {
    expect(problem({ ...endpoint(url), flags: { profile } })).toMatchObject({
      code,
      source: 'CAPISCIO_REGISTRY_ENDPOINT',
    })
  })
})

describe('CAPISCIO_TRUST_STORE_KEY', () => {
  const key = { CAPISCIO_TRUST_STORE_KEY: '/ca.jwk' }
  const a =
    'trust: { issuers: [{ issuer: https://a.example.com, jwksUrl: https://a.example.com/j, apiUrl: https://api.example.com }] }\n'

  test('pins the key of CAPISCIO_TRUST_STORE_ISSUER', () => {
    const env = { ...key, CAPISCIO_TRUST_STORE_ISSUER: 'https://ca.example.com' }
    expect(decide({ env }).trust.issuers).toEqual([{ issuer: 'https://ca.example.com', jwksFile: '/ca.jwk' }])
  })

  test('pins the key of the only issuer, and says that it replaces others', () => {
    const { config, warnings } = load({ env: key, file: a })
    expect(config.trust.issuers).toEqual([
      { issuer: 'https://a.example.com', jwksFile: '/ca.jwk', apiUrl: 'https://api.example.com' },
    ])
    expect(warnings.map(({ source }) => source)).toEqual(['CAPISCIO_TRUST_STORE_KEY'])
    for (const text of [a, a.replace('jwksUrl: https://a.example.com/j', 'jwksFile: /other.jwk')]) {
      expect(originOf({ env: key, file: text }, 'trust.issuers[0].jwksFile')).toBe('CAPISCIO_TRUST_STORE_KEY')
      expect(originOf({ env: key, file: text }, 'trust.issuers[0].apiUrl')).toContain(`${file}:1:`)
    }
  })

  test('pins the key of the registry endpoint', () => {
    const env = { ...key, CAPISCIO_REGISTRY_ENDPOINT: 'https://registry.example.com' }
    expect(decide({ env }).trust.issuers).toEqual([{ issuer: 'https://registry.example.com', jwksFile: '/ca.jwk' }])
  })

  test('is refused without an issuer, and with two', () => {
    expect(problem({ env: key })).toMatchObject({ code: 'CONFLICT', source: 'CAPISCIO_TRUST_STORE_KEY' })
    const env = { ...key, CAPISCIO_REGISTRY_ENDPOINT: 'https://registry.example.com' }
    expect(problem({ env, file: a })).toMatchObject({ code: 'CONFLICT', source: 'CAPISCIO_TRUST_STORE_KEY' })
  })

  test('is refused with an issuer that is none', () => {
    const env = { ...key, CAPISCIO_TRUST_STORE_ISSUER: 'ca.example.com' }
    expect(problem({ env }).source).toBe('CAPISCIO_TRUST_STORE_ISSUER')
    expect(problem({ env, file: a }).source).toBe('CAPISCIO_TRUST_STORE_ISSUER')
  })

  test('is what CAPISCIO_TRUST_STORE_ISSUER is for', () => {
    const { config, warnings } = load({ env: { CAPISCIO_TRUST_STORE_ISSUER: 'https://ca.example.com' } })
    expect(config.trust.issuers).toEqual([])
    expect(warnings.map(({ source }) => source)).toEqual(['CAPISCIO_TRUST_STORE_ISSUER'])
  })
})

describe('trust', () => {
  test('level 0 keys are did:keys, in every profile', () => {
    expect(decide({ file: `trust: { levelZeroKeys: ["${KEY}"] }\n` }).trust.levelZeroKeys).toEqual([KEY])
    for (const bad of ['did:web:a.example.com', `${KEY}x`, 'did:key:z6Mk']) {
      expect(problem({ file: `trust: { levelZeroKeys: ["${bad}"] }\n` })).toMatchObject({
        code: 'VALUE_INVALID',
        source: `${file}:1:26`,
      })
    }
    expect(problem({ file: `trust: { levelZeroKeys: ["${KEY}", "${KEY}"] }\n` }).source).toBe(`${file}:1:86`)
  })

  test('the audience of the environment is a comma list and hides that of the file', () => {
    const text = 'trust: { audience: [https://file.example.com] }\n'
    const env = { CAPISCIO_AUDIENCE: ' https://a.example.com, urn:x ,,https://a.example.com' }
    expect(decide({ file: text }).trust.audience).toEqual(['https://file.example.com'])
    expect(decide({ file: text, env }).trust.audience).toEqual(['https://a.example.com', 'urn:x'])
    expect(problem({ env: { CAPISCIO_AUDIENCE: 'a b' } }).source).toBe('CAPISCIO_AUDIENCE')
    expect(problem({ file: 'trust: { audience: ["a,b"] }\n' }).source).toBe(`${file}:1:20`)
  })

  test('an audience cannot be required of badges where the core has none', () => {
    expect(problem({ file: 'trust: { requireAudience: true }\n' }).code).toBe('CONFLICT')
    expect(decide({ file: 'trust: { requireAudience: true, audience: [x] }\n' }).trust.requireAudience).toBe(true)
  })
})

describe('evidence', () => {
  test('--evidence-log names one log, CAPISCIO_EVIDENCE_DIR a root of logs', () => {
    const text = 'evidence: { directory: /file }\n'
    const env = { CAPISCIO_EVIDENCE_DIR: '/env' }
    expect(decide({ file: text }).evidence).toMatchObject({ directory: '/file' })
    expect(decide({ file: text, env }).evidence).toMatchObject({ root: '/env' })
    expect(decide({ file: text, env }).evidence.directory).toBeUndefined()
    expect(decide({ file: text, env, flags: { evidenceLog: '/flag' } }).evidence).toMatchObject({ directory: '/flag' })
    expect(decide({ file: 'evidence: { root: /file }\n' }).evidence).toMatchObject({ root: '/file' })
    expect(problem({ file: 'evidence: { root: /a, directory: /b }\n' }).code).toBe('CONFLICT')
  })

  test('is never where the keys that sign it are', () => {
    for (const stateDir of ['/e', '/e/state', '/e/../e/x']) {
      expect(problem({ env: { CAPISCIO_EVIDENCE_DIR: '/e', CAPISCIO_STATE_DIR: stateDir } })).toMatchObject({
        code: 'CONFLICT',
        source: 'CAPISCIO_STATE_DIR',
      })
    }
    for (const stateDir of ['/e2', '/', '/..e', '/x/e']) {
      expect(decide({ env: { CAPISCIO_EVIDENCE_DIR: '/e', CAPISCIO_STATE_DIR: stateDir } }).stateDir).toBe(stateDir)
    }
  })

  test.each([
    ['local', undefined],
    ['registry', 'NOT_AVAILABLE'],
    ['hybrid', 'NOT_AVAILABLE'],
    ['Local', 'VALUE_INVALID'],
    ['none', 'VALUE_INVALID'],
  ])('mode %s: %s', (mode, code) => {
    const given = { env: { CAPISCIO_EVIDENCE_MODE: mode } }
    if (code === undefined) expect(decide(given).evidence.mode).toBe('local')
    else expect(problem(given)).toMatchObject({ code, source: 'CAPISCIO_EVIDENCE_MODE' })
  })

  test('retention is a number of days', () => {
    const { config, warnings } = load({ env: { CAPISCIO_EVIDENCE_RETENTION_DAYS: '90' } })
    expect([config.evidence.retentionDays, warnings]).toEqual([90, []])
    for (const bad of ['-1', '1.5', 'ninety', '1e3']) {
      expect(problem({ env: { CAPISCIO_EVIDENCE_RETENTION_DAYS: bad } }).code).toBe('VALUE_INVALID')
    }
  })

  test('anchors are of exactly one log, and are kept outside of it', () => {
    const one =
      'evidence: { directory: /e/log, anchorFiles: [/usb/a, rel/b], anchorTo: /usb/anchors, verifyAtStart: true }\n'
    expect(load({ file: one }).config.evidence).toMatchObject({
      anchorFiles: ['/usb/a', expect.stringMatching(/^\/.*\/rel\/b$/)],
      anchorTo: '/usb/anchors',
      verifyAtStart: true,
    })
    expect(problem({ file: 'evidence: { root: /e, anchorFiles: [/usb/a] }\n' }).code).toBe('CONFLICT')
    expect(load({ file: 'evidence: { root: /e, anchorTo: /usb/anchors }\n' }).config.evidence.anchorTo).toBe(
      '/usb/anchors',
    )
    for (const place of ['root: /e', 'directory: /e'])
      for (const within of ['/e', '/e/anchors'])
        expect(problem({ file: `evidence: { ${place}, anchorTo: ${within} }\n` }).code).toBe('CONFLICT')
    expect(problem({ file: 'evidence: { anchorTo: "~user/x" }\n' }).code).toBe('VALUE_INVALID')
  })

  test('starting empty is said to be dangerous', () => {
    expect(load({ file: 'evidence: { startEmpty: true }\n' }).warnings.map(({ source }) => source)).toEqual([
      'evidence.startEmpty',
    ])
  })
})

describe('the enforcement mode', () => {
  const mode = (text: string | undefined, env: string | undefined) =>
    load({
      file: `logLevel: info\n${text === undefined ? '' : `enforcementMode: ${text}\n`}`,
      env: env === undefined ? {} : { CAPISCIO_ENFORCEMENT_MODE: env },
    })

  test.each([
    [undefined, undefined, 'EM-GUARD', 0],
    [undefined, 'EM-STRICT', 'EM-STRICT', 0],
    [undefined, ' strict ', 'EM-STRICT', 0],
    [undefined, 'em-delegate', 'EM-DELEGATE', 0],
    [undefined, 'EM-OBSERVE', 'EM-GUARD', 1],
    ['EM-STRICT', 'EM-DELEGATE', 'EM-STRICT', 1],
    ['EM-STRICT', 'EM-OBSERVE', 'EM-STRICT', 1],
    ['EM-DELEGATE', 'EM-STRICT', 'EM-STRICT', 0],
    ['EM-DELEGATE', undefined, 'EM-DELEGATE', 0],
  ])('file %s, environment %j: %s', (text, env, expected, warned) => {
    const { config, warnings } = mode(text, env)
    expect(config.enforcementMode).toBe(expected)
    expect(warnings).toHaveLength(warned)
  })

  test('says which source made it', () => {
    const given = { file: 'enforcementMode: EM-STRICT\n', env: { CAPISCIO_ENFORCEMENT_MODE: 'guard' } }
    expect(originOf(given, 'enforcementMode')).toBe(`${file}:1:18`)
    expect(originOf({ ...given, file: 'enforcementMode: EM-GUARD\n' }, 'enforcementMode')).toBe(`${file}:1:18`)
    expect(originOf({ env: { CAPISCIO_ENFORCEMENT_MODE: 'strict' } }, 'enforcementMode')).toBe(
      'CAPISCIO_ENFORCEMENT_MODE',
    )
  })

  test('that observes only is not available, and an unknown one is refused', () => {
    expect(problem({ file: 'enforcementMode: EM-OBSERVE\n' }).code).toBe('NOT_AVAILABLE')
    expect(problem({ env: { CAPISCIO_ENFORCEMENT_MODE: 'EM-EM-GUARD' } }).code).toBe('VALUE_INVALID')
    expect(problem({ env: { CAPISCIO_ENFORCEMENT_MODE: 'off' } }).code).toBe('VALUE_INVALID')
  })
})

describe('listeners', () => {
  const listen = (given: Given): Config['listen'] => decide(given).listen
  const http = { host: '127.0.0.1', port: 50052 }

  test('a socket flag opens no gRPC port', () => {
    expect(listen({ flags: { socket: '/run/c.sock' } })).toEqual({ socket: '/run/c.sock', http })
    expect(listen({ flags: { listen: 'unix:///run/c.sock' } })).toEqual({ socket: '/run/c.sock', http })
    expect(listen({ file: 'listen: { tcp: "127.0.0.1:1" }\n', flags: { socket: 's' } })).toEqual({
      socket: '/srv/s',
      http,
    })
  })

  test('both can be asked for', () => {
    const tcp = { host: 'localhost', port: 0 }
    expect(listen({ flags: { listen: 'localhost:0', socket: '/c' } })).toEqual({ tcp, socket: '/c', http })
    expect(listen({ file: 'listen: { tcp: "localhost:0", socket: /c, http: none }\n' })).toEqual({ tcp, socket: '/c' })
  })

  test('none switches one off, but not all that answer calls', () => {
    expect(listen({ flags: { http: 'none' } }).http).toBeUndefined()
    expect(listen({ file: 'listen: { tcp: none, socket: /c }\n' })).toEqual({ socket: '/c', http })
    expect(listen({ file: 'listen: { tcp: "127.0.0.1:1", socket: none }\n' })).toEqual({
      tcp: { host: '127.0.0.1', port: 1 },
      http,
    })
    expect(listen({ file: 'listen: { socket: none }\n' }).tcp?.port).toBe(50_051)
    expect(problem({ file: 'listen: { tcp: none }\n' }).code).toBe('CONFLICT')
    expect(problem({ file: 'listen: { tcp: none, socket: none }\n' }).code).toBe('CONFLICT')
  })

  test('rpc listens where its caller says, not where the file of a server says', () => {
    const text = 'listen: { tcp: "127.0.0.1:1", http: "127.0.0.1:2" }\n'
    expect(listen({ command: 'rpc', file: text, flags: { address: 'localhost:0' } })).toEqual({
      tcp: { host: 'localhost', port: 0 },
    })
    expect(listen({ command: 'rpc', file: text })).toEqual({ socket: '/home/u/.capiscio/rpc.sock' })
    expect(listen({ command: 'rpc', flags: { http: '127.0.0.1:0' } }).http).toEqual({ host: '127.0.0.1', port: 0 })
  })

  test('the same thing is asked for once', () => {
    expect(problem({ flags: { listen: '127.0.0.1:1', address: '127.0.0.1:1' } }).code).toBe('CONFLICT')
    expect(problem({ flags: { listen: 'unix:/a', socket: '/b' } }).code).toBe('CONFLICT')
    expect(problem({ flags: { listen: '127.0.0.1:9', http: '127.0.0.1:9' } }).code).toBe('CONFLICT')
    expect(listen({ flags: { listen: '127.0.0.1:0', http: '127.0.0.1:0' } }).tcp?.port).toBe(0)
  })

  test.each(['0.0.0.0:1', '[::]:1', '10.0.0.1:1', 'example.com:1', '[::ffff:127.0.0.1]:1', 'localhost.example.com:1'])(
    '%s is beyond loopback and needs --insecure',
    (address) => {
      for (const flags of [{ listen: address }, { http: address }]) {
        expect(problem({ flags })).toMatchObject({ source: Object.keys(flags)[0] === 'http' ? '--http' : '--listen' })
        const { config, warnings } = load({ flags: { ...flags, insecure: true } })
        expect(config.insecure).toBe(true)
        expect(warnings).toHaveLength(1)
      }
    },
  )

  test.each(['127.0.0.1:1', '127.9.9.9:1', '[::1]:0', 'localhost:1', 'LOCALHOST:1'])('%s is loopback', (address) => {
    expect(load({ flags: { listen: address } }).warnings).toEqual([])
  })

  test('a file cannot say --insecure', () => {
    expect(problem({ file: 'insecure: true\n' }).code).toBe('FILE_INVALID')
  })
})

describe('the grace time', () => {
  test('is shortened for rpc, whose parent does not wait longer', () => {
    const text = 'shutdownGraceMs: 20000\n'
    expect(decide({ file: text }).shutdownGraceMs).toBe(20_000)
    expect(decide({ command: 'rpc', file: text }).shutdownGraceMs).toBe(4_000)
    expect(decide({ command: 'rpc', file: 'shutdownGraceMs: 1000\n' }).shutdownGraceMs).toBe(1_000)
  })
})

describe('variables', () => {
  test('that nobody knows are warned about, and those of SDKs are not', () => {
    const { warnings } = load({
      env: {
        CAPISCIO_AUDIENC: 'x',
        CAPISCIO_BUNDLE_URL: 'https://b.example.com',
        CAPISCIO_CORE_ADDR: 'localhost:1',
        CAPISCIO_SERVER_ORIGIN: 'https://s.example.com',
        CAPISCIO_EXIT_WITH_STDIN: '1',
        CAPISCIOX: '1',
        CAPISCIO___PROTO__: '1',
      },
    })
    expect(warnings).toEqual([
      { source: 'CAPISCIO_BUNDLE_URL', message: 'Has no effect in this version' },
      { source: 'CAPISCIO_AUDIENC', message: 'Is not a variable that capiscio knows' },
      { source: 'CAPISCIO___PROTO__', message: 'Is not a variable that capiscio knows' },
    ])
  })

  test('that are inherited by the object are not the environment', () => {
    const env = Object.create({ CAPISCIO_PROFILE: 'dev' }) as Record<string, string>
    env['HOME'] = '/home/u'
    expect(loadConfig({ command: 'serve', flags: {}, env, cwd: '/' }).config.profile).toBe('connected-prod')
  })
})

describe('secrets', () => {
  test('in the environment reach neither the configuration nor a warning', () => {
    const loaded = load({ env: { CAPISCIO_REGISTRY_API_KEY: 'sk-canary-1', CAPISCIO_API_KEY: 'sk-canary-2' } })
    expect(loaded.warnings).toEqual([{ source: 'CAPISCIO_REGISTRY_API_KEY', message: 'Has no effect in this version' }])
    expect(inspect(loaded, { depth: 9, showHidden: true })).not.toContain('canary')
  })

  test('are masked in reports: the hashes of API keys', () => {
    const rows = reportConfig(load({ file: `apiKeys: [{ name: ci, hash: "${hashApiKey('k')}" }]\n` }))
    expect(rows.find(({ path }) => path === 'apiKeys[0].name')).toEqual({
      path: 'apiKeys[0].name',
      value: 'ci',
      origin: `${file}:1:11`,
    })
    expect(rows.find(({ path }) => path === 'apiKeys[0].hash')?.value).toBe('********')
    expect(JSON.stringify(rows)).not.toContain('sha256')
  })
})

describe('origins whose pages may call', () => {
  test('come from the file, or from flags instead', () => {
    const text = 'web:\n  allowedOrigins: ["https://app.example.com", "http://localhost:3000"]\n'
    expect(decide({ file: text }).web.allowedOrigins).toEqual(['https://app.example.com', 'http://localhost:3000'])
    expect(decide({ file: text, flags: { allowOrigin: ['https://b.example'] } }).web.allowedOrigins).toEqual([
      'https://b.example',
    ])
  })

  test.each(['*', 'null', 'app.example.com', 'https://app.example.com/', 'https://APP.example.com', 'ftp://a.example'])(
    'are refused when they are not what a browser sends: %s',
    (origin) => {
      expect(problem({ flags: { allowOrigin: [origin] } })).toMatchObject({
        code: 'VALUE_INVALID',
        source: '--allow-origin',
      })
    },
  )
})
