import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createNodeEd25519Signer } from '../../../core/src/adapters/crypto/node-ed25519.ts'
import { addBadgeCommand } from '../../../core/src/cli/badge.ts'
import { addTrustCommand } from '../../../core/src/cli/trust.ts'
import { toDidKey } from '../../../core/src/domain/did/did-key.ts'
import { toPrivateJwk, toPublicJwk } from '../../../core/src/domain/did/key-jwk.ts'
import { createBadgeWorld, ISSUER, NOW, vcOf } from '../../fakes/badge-world.ts'
import { type RunCommandOptions, runCommand } from '../../tools/run-command.ts'

// The sample badge of level 0 and the key of RFC 8037 that signed it.
const GOLDEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6ImRpZDprZXk6ejZNa3R3dXBkbUxYVlZxVHpDdzRpNDZyNHVHeW9zR1hSblIzWGpONFpxN29NTXN3I3o2TWt0d3VwZG1MWFZWcVR6Q3c0aTQ2cjR1R3lvc0dYUm5SM1hqTjRacTdvTU1zdyJ9.eyJqdGkiOiI1NTBlODQwMC1lMjliLTQxZDQtYTcxNi00NDY2NTU0NDAwMDAiLCJpc3MiOiJkaWQ6a2V5Ono2TWt0d3VwZG1MWFZWcVR6Q3c0aTQ2cjR1R3lvc0dYUm5SM1hqTjRacTdvTU1zdyIsInN1YiI6ImRpZDprZXk6ejZNa3R3dXBkbUxYVlZxVHpDdzRpNDZyNHVHeW9zR1hSblIzWGpONFpxN29NTXN3IiwiaWF0IjoxNzMzNzg4ODAwLCJleHAiOjE3MzM3ODkxMDAsImlhbCI6IjAiLCJrZXkiOnsia3R5IjoiT0tQIiwiY3J2IjoiRWQyNTUxOSIsIngiOiIxMXFZQVlLeENyZlZTXzdUeVdRSE9nN2hjdlBhcGlNbHJ3SWFhUGNIVVJvIn0sInZjIjp7InR5cGUiOlsiVmVyaWZpYWJsZUNyZWRlbnRpYWwiLCJBZ2VudElkZW50aXR5Il0sImNyZWRlbnRpYWxTdWJqZWN0Ijp7ImxldmVsIjoiMCJ9fX0.dhQK3IrsxUMygbkox4E7WnYHzDf8j42Wj768sJpU24HxCHm_kOzFSzqsOE_sRUahZACDJ3O4_oDvPwm31CpzAQ'
const GOLDEN_DID = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
const GOLDEN_X = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'

const seed = new Uint8Array(32).fill(9)
const { publicKey } = createNodeEd25519Signer(seed)
const did = toDidKey(publicKey)
const world = createBadgeWorld()

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-badge-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

const run = (args: readonly string[], options: RunCommandOptions = {}) =>
  runCommand(addBadgeCommand, ['badge', ...args], { ...options, env: { HOME: folder, ...options.env } })

function write(name: string, value: unknown, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value), { mode })
  return path
}

const keyFile = (): string => write('private.jwk', toPrivateJwk(publicKey, seed, did))

describe.each(['issue', 'parse', 'verify'])('badge %s', (name) => {
  test('--help shows an example and the exit codes', async () => {
    const { code, stdout } = await run([name, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`Examples?:\\n  \\$ capiscio badge ${name}`))
    expect(stdout).toContain('Exit codes:')
    expect(stdout).toContain('--json')
  })

  test('an unknown option is wrong usage', async () => {
    expect((await run([name, '--nonsense'])).code).toBe(2)
  })
})

describe('badge issue', () => {
  const issue = (...args: string[]) => run(['issue', '--self-sign', '--key', keyFile(), ...args])
  const payloadOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

  test('prints a badge alone on standard output, which verifies under its key', async () => {
    const { code, stdout, stderr } = await issue(
      '--aud',
      'https://a.example, urn:b',
      '--aud',
      'urn:c',
      '--domain',
      'me.example',
    )
    const payload = payloadOf(stdout)
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+\n$/)])
    expect(stderr).toContain(payload.jti)
    expect(stderr).not.toContain('eyJ')
    expect(payload).toMatchObject({
      iss: did,
      sub: did,
      ial: '0',
      aud: ['https://a.example', 'urn:b', 'urn:c'],
      vc: vcOf('0', { domain: 'me.example' }),
    })
    expect(payload.exp - payload.iat).toBe(300)
    const verified = await run(['verify', '-', '--trusted-issuers', did, '--audience', 'urn:b', '--json'], {
      stdin: stdout,
    })
    expect(verified.json()).toMatchObject({ verified: true, badge: { jti: payload.jti, level: 0 } })
    expect((await run(['parse', '-', '--json'], { stdin: stdout })).json()).toMatchObject({
      header: { alg: 'EdDSA', typ: 'JWT', kid: `${did}#${did.slice('did:key:'.length)}` },
    })
  })

  test.each([
    ['60s', 60],
    ['5m', 300],
    ['1h', 3600],
  ])('lives as long as it is told: %s', async (time, seconds) => {
    const { iat, exp } = payloadOf((await issue('--exp', time)).stdout)
    expect(exp - iat).toBe(seconds)
  })

  test.each(['59s', '61m', '3601s', '0s', '5', '5d', '-5m', '1.5m', ''])('does not live %j', async (time) => {
    expect(await issue('--exp', time)).toMatchObject({ code: 2, stdout: '' })
  })

  test('says how a time is written', async () => {
    expect((await issue('--exp', '5d')).stderr).toContain('such as 90s, 5m or 1h')
    expect((await issue('--exp', '2h')).stderr).toContain('60s to 1h')
  })

  test.each(['', 'a,,b', 'a b', ','])('has no audience %j', async (audience) => {
    expect(await issue('--aud', audience)).toMatchObject({ code: 2, stdout: '' })
  })

  test('without --self-sign says whose job that is', async () => {
    const { code, stderr } = await run(['issue', '--key', keyFile()])
    expect([code, stderr]).toEqual([2, expect.stringContaining('made by a registry')])
  })

  test('needs a key', async () => {
    expect(await run(['issue', '--self-sign'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('capiscio key gen'),
    })
  })

  test('is about its own key', async () => {
    expect((await issue('--sub', did)).code).toBe(0)
    expect(await issue('--sub', GOLDEN_DID)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(did),
    })
  })

  test('takes the key from standard input', async () => {
    const stdin = JSON.stringify(toPrivateJwk(publicKey, seed, did))
    expect(payloadOf((await run(['issue', '--self-sign', '--key', '-'], { stdin })).stdout)).toMatchObject({ iss: did })
  })

  test.each<[string, unknown, string]>([
    ['a public key', toPublicJwk(publicKey, did), 'The key is refused: The JWK is a public key'],
    ['no JSON', 'nonsense', 'it is no JSON object'],
    ['halves of two keys', { ...toPrivateJwk(publicKey, seed, did), x: GOLDEN_X }, 'belong to different keys'],
  ])('refuses %s, and quotes none of it', async (_what, key, reason) => {
    const { code, stdout, stderr } = await run(['issue', '--self-sign', '--key', write('k.jwk', key)])
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(reason)])
    expect(stderr).not.toContain('CQkJ')
  })

  test('warns of a key that others can read', async () => {
    expect((await issue()).stderr).not.toContain('warning')
    const open = keyFile()
    chmodSync(open, 0o640)
    expect((await run(['issue', '--self-sign', '--key', open])).stderr).toContain(`chmod 600 ${open}`)
  })

  test('writes a file for its owner only, in the place of the badge before', async () => {
    const umask = process.umask(0o000)
    try {
      const out = write('badge.jwt', 'old', 0o644)
      const { stdout, json } = await issue('--out', out, '--json')
      expect(stdout).not.toContain('eyJ')
      expect(json()).toMatchObject({ subject: did, level: 0 })
      expect(statSync(out).mode & 0o777).toBe(0o600)
      expect(payloadOf(readFileSync(out, 'utf8')).jti).toBe(json()['jti'])
      expect(await issue('--out', join(folder, 'no', 'badge.jwt'))).toMatchObject({ code: 1, stdout: '' })
    } finally {
      process.umask(umask)
    }
  })

  test('prints JSON', async () => {
    const { json, stderr } = await issue('--json')
    expect([payloadOf(String(json()['token'])).jti, stderr]).toEqual([json()['jti'], ''])
  })
})

describe('the badge of a command', () => {
  test('comes as argument, file or standard input', async () => {
    const file = write('badge.jwt', `${GOLDEN}\n`)
    for (const [argument, stdin] of [[GOLDEN], [file], ['-', `\n${GOLDEN}\n`]] as const) {
      const options = stdin === undefined ? {} : { stdin }
      expect((await run(['parse', argument, '--json'], options)).json()).toMatchObject({ wellFormed: true })
    }
  })

  test('is better not an argument, which is said', async () => {
    expect((await run(['parse', GOLDEN])).stderr).toContain('other users of this machine')
    expect((await run(['parse', write('b', GOLDEN)])).stderr).not.toContain('other users')
  })

  test.each(['parse', 'verify'])('is never shown by %s, nor is an argument that may be one', async (name) => {
    const secret = GOLDEN.split('.')[2] ?? ''
    const bad = [GOLDEN, `Bearer ${GOLDEN}`, `"${GOLDEN}"`, GOLDEN.slice(3), GOLDEN.slice(0, -2), `${GOLDEN}x`]
    for (const argument of bad) {
      for (const more of [[], ['--json'], ...(name === 'verify' ? [['--explain']] : [])]) {
        const { stdout, stderr } = await run([name, argument, ...more])
        expect(stdout + stderr).not.toContain(secret.slice(0, 40))
        expect(stdout + stderr).not.toContain('eyJqdGki')
      }
    }
  })

  test('is refused where nothing can be read', async () => {
    for (const argument of ['missing.jwt', '.', write('big', 'x'.repeat(65_537)), write('binary', 'x')]) {
      if (argument.endsWith('binary')) writeFileSync(argument, Uint8Array.of(0xff))
      const { code, json } = await run(['parse', argument, '--json'])
      expect([code, json()]).toMatchObject([
        1,
        { ok: false, code: 'INPUT_REFUSED', message: expect.stringContaining('neither a badge') },
      ])
    }
    expect((await run(['parse', '-'])).stderr).toContain('There is no standard input')
    expect((await run(['parse', '-'], { stdin: 'x'.repeat(65_537) })).stderr).toContain('longer than 65536 bytes')
  })
})

describe('badge parse', () => {
  test('shows what a badge says, and that it is not verified', async () => {
    const { code, stdout, stderr } = await run(['parse', write('b', GOLDEN)])
    expect(code).toBe(0)
    expect(stderr).toMatch(/^NOT VERIFIED: /)
    expect(stdout).toContain(`"iss": "${GOLDEN_DID}"`)
    expect((await run(['parse', write('b', GOLDEN), '--json'])).json()).toMatchObject({
      verified: false,
      wellFormed: true,
      header: { alg: 'EdDSA' },
      payload: { ial: '0', iat: 1733788800 },
    })
  })

  test('shows what is wrong with a badge that no verifier takes', async () => {
    const file = write('b', world.badge({ ial: '7' }))
    expect(await run(['parse', file])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('BADGE_CLAIMS_INVALID: '),
    })
    expect(await run(['parse', file, '--json'])).toMatchObject({ code: 1 })
    expect((await run(['parse', file, '--json'])).json()).toMatchObject({
      wellFormed: false,
      code: 'BADGE_CLAIMS_INVALID',
      payload: { ial: '7' },
    })
  })

  test('says that something is no badge', async () => {
    expect(await run(['parse', write('b', 'a.b')])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('BADGE_MALFORMED'),
    })
    expect((await run(['parse', write('b', 'a.b'), '--json'])).json()).toEqual({
      verified: false,
      wellFormed: false,
      code: 'BADGE_MALFORMED',
      message: expect.any(String),
    })
  })

  test('shows no private key, and nothing that moves the cursor', async () => {
    const key = { ...world.agent.jwk, d: 'SECRET' }
    const { stdout } = await run(['parse', write('b', world.badge({ key, note: 'a\u001b[31m\u202e\u009b' }))])
    expect(stdout).not.toContain('SECRET')
    expect(stdout).toContain('********')
    expect(stdout).not.toMatch(/[\u001b\u202e\u009b]/)
  })
})

describe('badge verify', () => {
  const golden = (...args: string[]) => run(['verify', write('golden.jwt', GOLDEN), '--now', '1733788800', ...args])

  test.each([
    ['1733788740', 0, undefined],
    ['1733788739', 1, 'BADGE_NOT_YET_VALID'],
    ['1733789159', 0, undefined],
    ['1733789160', 1, 'BADGE_EXPIRED'],
    ['2024-12-10T00:00:00Z', 0, undefined],
    ['2024-12-10T01:00:00+01:00', 0, undefined],
  ])('verifies the sample badge at %s', async (now, code, refusal) => {
    const ran = await golden('--now', now, '--trusted-issuers', GOLDEN_DID, '--json')
    expect(ran.code).toBe(code)
    expect(ran.json()).toMatchObject({ verified: code === 0, ...(refusal && { code: refusal }) })
    expect(ran.json()['warnings']).toEqual([expect.stringMatching(/^--now: /)])
  })

  test('believes nobody by itself', async () => {
    expect((await golden('--json')).json()).toMatchObject({ verified: false, code: 'BADGE_ISSUER_UNTRUSTED' })
    expect((await golden('--json', '--trusted-issuers', did)).json()).toMatchObject({ code: 'BADGE_ISSUER_UNTRUSTED' })
  })

  test('believes a did:key that --key, the store or the configuration names', async () => {
    const key = write('pub.jwk', { kty: 'OKP', crv: 'Ed25519', x: GOLDEN_X })
    expect((await golden('--key', key)).code).toBe(0)
    const config = write('capiscio.yaml', `trust: { levelZeroKeys: ["${GOLDEN_DID}"] }\n`)
    expect((await golden('--config', config)).code).toBe(0)
    expect((await golden('--config', config, '--trusted-issuers', did)).code).toBe(1)
    await runCommand(addTrustCommand, ['trust', 'add', '--did', GOLDEN_DID], { env: { HOME: folder } })
    expect((await golden()).code).toBe(0)
    expect((await golden('--trust-store', join(folder, 'other'))).code).toBe(1)
  })

  test('shows who it is', async () => {
    const { code, stdout } = await golden('--trusted-issuers', GOLDEN_DID)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^VERIFIED\n/)
    expect(stdout).toMatch(new RegExp(`^subject +${GOLDEN_DID}$`, 'm'))
    expect(stdout).toMatch(/^audience +everybody$/m)
    expect(stdout).not.toContain('\u001b')
  })

  test('shows a refusal with its reason', async () => {
    const { code, stdout, stderr } = await golden()
    expect([code, stdout]).toEqual([1, 'REFUSED  BADGE_ISSUER_UNTRUSTED\n'])
    expect(stderr).toContain('BADGE_ISSUER_UNTRUSTED: The badge is self-signed')
  })

  test('explains every step with a mark', async () => {
    const { stdout } = await golden('--explain', '--now', '1733789160', '--trusted-issuers', GOLDEN_DID)
    expect(stdout).toMatch(/^✓ 5 /m)
    expect(stdout).toMatch(/^✗ 6a {4}.*\(The badge expired/m)
    expect(stdout).toMatch(/^- 4a /m)
    expect(stdout).toMatch(/^ {2}9 {5}/m)
    const { steps } = (await golden('--explain', '--json', '--trusted-issuers', GOLDEN_DID)).json() as {
      steps: { outcome: string }[]
    }
    expect(steps.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(10)
    expect((await golden('--json')).json()['steps']).toBeUndefined()
  })

  test.each([
    [true, {}, true],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [false, {}, false],
  ])('colours on a terminal (%s) with %j: %s', async (isTty, env, colored) => {
    const { stdout } = await run(['verify', write('b', GOLDEN), '--explain'], { isTty, env: { HOME: folder, ...env } })
    expect(stdout.includes('\u001b[3')).toBe(colored)
  })

  describe('of a registry', () => {
    const now = ['--now', String(NOW)]
    const dev = ['--profile', 'dev']
    const caKey = (): string => write('ca.jwk', world.ca.jwk)
    const registered = (badge = world.badge({ aud: undefined })) => write('badge.jwt', badge)

    test('counts under a key that is given for its issuer', async () => {
      const args = ['verify', registered(), ...now, ...dev, '--key', caKey(), '--json']
      expect((await run([...args, '--trusted-issuers', ISSUER])).json()).toMatchObject({
        verified: true,
        badge: { level: 2, issuer: ISSUER },
      })
      expect((await run([...args, '--trusted-issuers', 'https://other.example'])).json()).toMatchObject({
        code: 'BADGE_ISSUER_UNTRUSTED',
      })
      expect((await run(args)).json()).toMatchObject({ code: 'BADGE_ISSUER_UNTRUSTED' })
      const forged = world.agent.sign({ alg: 'EdDSA', typ: 'JWT', kid: 'ca-1' }, world.payload({ aud: undefined }))
      expect(
        (await run(['verify', write('f', forged), ...args.slice(2), '--trusted-issuers', ISSUER])).json(),
      ).toMatchObject({ code: 'BADGE_SIGNATURE_INVALID' })
    })

    test.each(['--online', '--hybrid', '--offline'])('is not asked about where a fixture answers: %s', async (mode) => {
      const args = [...now, ...dev, '--key', caKey(), '--trusted-issuers', ISSUER]
      expect((await run(['verify', registered(), ...args, mode])).code).toBe(0)
    })

    test('counts under a pinned key', async () => {
      await runCommand(addTrustCommand, ['trust', 'add', caKey(), '--issuer', ISSUER], { env: { HOME: folder } })
      expect((await run(['verify', registered(), ...now, ...dev, '--offline'])).code).toBe(0)
      expect(
        (await run(['verify', registered(), ...now, ...dev, '--trusted-issuers', 'https://other.example'])).code,
      ).toBe(1)
    })

    test('does not count in production while nobody says that it is not revoked', async () => {
      const args = [
        'verify',
        registered(world.badge({ aud: undefined, vc: vcOf('3', { domain: 'a.example' }) })),
        ...now,
        '--key',
        caKey(),
        '--trusted-issuers',
        ISSUER,
        '--json',
      ]
      for (const profile of ['connected-prod', 'air-gapped']) {
        expect((await run([...args, '--profile', profile, '--offline'])).json()).toMatchObject({
          code: 'REVOCATION_CHECK_FAILED',
        })
      }
    })

    test('is accepted as whom the command says', async () => {
      const args = [
        'verify',
        registered(world.badge()),
        ...now,
        ...dev,
        '--key',
        caKey(),
        '--trusted-issuers',
        ISSUER,
        '--json',
      ]
      expect((await run(args)).json()).toMatchObject({ code: 'BADGE_AUDIENCE_MISMATCH' })
      expect((await run([...args, '--audience', 'urn:x,https://api.example.com'])).json()).toMatchObject({
        verified: true,
      })
      expect((await run(args, { env: { CAPISCIO_AUDIENCE: 'https://api.example.com' } })).json()).toMatchObject({
        verified: true,
      })
    })

    test.each(['--skip-revocation', '--skip-agent-status', '--accept-self-signed'])(
      '%s is for development, and warns',
      async (flag) => {
        const args = ['verify', registered(), ...now, '--key', caKey(), '--trusted-issuers', ISSUER, '--json']
        for (const profile of [[], ['--profile', 'connected-prod'], ['--profile', 'air-gapped']]) {
          expect(await run([...args, ...profile, flag])).toMatchObject({
            code: 2,
            stdout: '',
            stderr: expect.stringContaining(flag),
          })
        }
        const { code, json } = await run([...args, ...dev, flag])
        expect(code).toBe(0)
        expect(json()['warnings']).toContain(`${flag}: a core in production would check this`)
      },
    )

    test('--accept-self-signed accepts every did:key', async () => {
      expect((await golden(...dev)).code).toBe(1)
      expect((await golden(...dev, '--accept-self-signed')).code).toBe(0)
      expect((await golden(...dev, '--accept-self-signed', '--trusted-issuers', ISSUER)).code).toBe(0)
    })
  })

  test.each([
    [['--online', '--offline']],
    [['--online', '--hybrid']],
    [['--hybrid', '--offline']],
    [['--now', 'yesterday']],
    [['--now', '2024-12-10']],
    [['--now', '12/10/2024']],
    [['--trusted-issuers', 'a,,b']],
    [['--audience', '']],
  ])('is wrong usage with %j', async (args) => {
    expect(await run(['verify', write('b', GOLDEN), ...args])).toMatchObject({ code: 2, stdout: '' })
  })

  test.each([
    [['--key', 'missing.jwk']],
    [['--trusted-issuers', 'http://a.example']],
    [['--trusted-issuers', 'did:key:z6Mk']],
    [['--config', 'missing.yaml']],
  ])('is refused with %j', async (args) => {
    expect(await run(['verify', write('b', GOLDEN), ...args])).toMatchObject({ code: 1, stdout: '' })
  })

  test('takes no private key for a public one', async () => {
    const { code, stderr } = await golden('--key', keyFile())
    expect([code, stderr]).toEqual([1, expect.stringContaining('private key')])
  })

  test('warns of what in the store does not count, and refuses a store that others may write', async () => {
    await runCommand(addTrustCommand, ['trust', 'add', '--did', GOLDEN_DID], { env: { HOME: folder } })
    writeFileSync(join(folder, '.capiscio/trust/agents', `${'0'.repeat(64)}.json`), '{}', { mode: 0o600 })
    expect((await golden()).stderr).toContain('in the trust store does not count')
    chmodSync(join(folder, '.capiscio/trust'), 0o777)
    expect(await golden('--json')).toMatchObject({ code: 1, stdout: expect.stringContaining('SOURCE_UNAVAILABLE') })
  })
})
