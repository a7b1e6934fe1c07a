import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { runProgram } from '../interop/run-program.ts'
import { runCapiscio } from '../tools/core-process.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')
const SCRIPT = join(import.meta.dirname, '..', 'interop', 'python', 'registry.py')
const ISSUER = 'https://registry.example.com'

interface RegistryProcess {
  readonly url: string
  readonly directory: string
  stop(): Promise<number | null>
}

const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})

async function serve(
  data: string,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<RegistryProcess> {
  const args = [MAIN, 'registry', 'serve', '--data', data, '--listen', '127.0.0.1:0', '--json', ...flags]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, ...env } })
  running.push(child)
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, evidence } = JSON.parse(line)
    return {
      url,
      directory: evidence.directory,
      stop() {
        child.kill('SIGTERM')
        return exited
      },
    }
  }
  throw new Error(`The registry ended with ${await exited} before it listened`)
}

const eventsIn = (directory: string): string[] => {
  const journal = join(directory, 'journal')
  const text = readdirSync(journal)
    .map((name) => readFileSync(join(journal, name), 'latin1'))
    .join('')
  return [...text.matchAll(/"event\.name":"capiscio\.registry\.([a-z_]+)"/g)].map(([, name]) => name ?? '')
}

describe('capiscio registry', () => {
  let folder: string
  let data: string
  let adminKey: string
  const registry = (...args: string[]) => runCapiscio(['registry', ...args, '--data', data])
  const json = async (...args: string[]) => JSON.parse((await registry(...args, '--json')).stdout)

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'capiscio-registry-e2e-'))
    data = join(folder, 'data')
    const made = await registry('init', '--issuer', ISSUER)
    expect(made.code).toBe(0)
    adminKey = made.stdout.trim()
    expect(adminKey).toMatch(/^cpr_[\w-]{43}$/)
    expect(made.stderr).not.toContain(adminKey)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  describe('before it is served', () => {
    it('is made once, and only with an issuer', async () => {
      const again = await registry('init', '--issuer', ISSUER)
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('was made before')])
      const { code, stderr } = await runCapiscio(['registry', 'init', '--data', join(folder, 'other')])
      expect([code, stderr]).toEqual([2, expect.stringContaining('--issuer')])
    })

    it('is never made by being served', async () => {
      const { code, stderr } = await runCapiscio(['registry', 'serve', '--data', join(folder, 'none')])
      expect([code, stderr]).toEqual([1, expect.stringContaining('capiscio registry init')])
      expect(readdirSync(folder)).not.toContain('none')
    })

    it('is not served under another name, or without its CA key', async () => {
      const other = await registry('serve', '--issuer', 'https://other.example.com')
      expect([other.code, other.stderr]).toEqual([1, expect.stringContaining(`is the registry of ${ISSUER}`)])
      const foreign = join(folder, 'ca.jwk')
      const { privateKey } = generateKeyPairSync('ed25519')
      writeFileSync(foreign, JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'foreign' }), {
        mode: 0o600,
      })
      const wrongKey = await runCapiscio(['registry', 'serve', '--data', data], { env: { CA_KEY_PATH: foreign } })
      expect([wrongKey.code, wrongKey.stderr]).toEqual([1, expect.stringContaining("none of this registry's")])
      const postgres = await runCapiscio(['registry', 'serve', '--data', data], {
        env: { DATABASE_URL: 'postgres://h/d' },
      })
      expect([postgres.code, postgres.stderr]).toEqual([1, expect.stringContaining('PostgreSQL is not built in')])
    })

    it('takes a CA key over when it is made, and then is served with it', async () => {
      const place = join(folder, 'imported')
      const key = join(folder, 'own.jwk')
      const { privateKey } = generateKeyPairSync('ed25519')
      writeFileSync(key, JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'own-1' }), { mode: 0o644 })
      const init = ['registry', 'init', '--issuer', ISSUER, '--data', place, '--ca-key', key]
      expect((await runCapiscio(init)).stderr).toContain('chmod 600')
      chmodSync(key, 0o600)
      expect((await runCapiscio(init)).code).toBe(0)
      const served = await serve(place, [], { CA_KEY_PATH: key })
      const { keys } = (await (await fetch(`${served.url}/.well-known/jwks.json`)).json()) as {
        keys: { kid: string }[]
      }
      expect(keys.map(({ kid }) => kid)).toEqual(['own-1'])
      expect(await served.stop()).toBe(0)
    })

    it('is looked after by commands, whose records are in its log', async () => {
      const pem = join(folder, 'key.pem')
      writeFileSync(pem, generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }))
      const added = await json(
        'agent',
        'add',
        'Billing',
        '--id',
        'billing',
        '--public-key',
        pem,
        '--level',
        '2',
        '--domain',
        'b.example.com',
      )
      expect(added).toMatchObject({ id: 'billing', trustLevel: '2', domain: 'b.example.com', domainValidated: true })
      expect((await json('agent', 'disable', 'billing', '--reason', 'test')).status).toBe('disabled')
      expect((await json('agent', 'enable', added.did)).status).toBe('active')
      expect((await json('agent', 'set-level', 'billing', '4')).trustLevel).toBe('4')
      expect((await json('agent', 'list')).map(({ id }: { id: string }) => id)).toEqual(['billing'])
      const events = eventsIn(join(data, 'evidence'))
      expect(events).toEqual([
        ...['initialized', 'api_key_created', 'agent_created', 'agent_level_set'],
        ...['agent_disabled', 'agent_enabled', 'agent_level_set'],
      ])
    })

    it.each([
      [['agent', 'set-level', 'nobody', '2'], 1, 'knows no such agent'],
      [['agent', 'set-level', 'billing', '5'], 2, 'A level is 1, 2, 3 or 4'],
      [['agent', 'add', 'x', '--public-key', '/nowhere'], 1, '/nowhere cannot be read'],
      [['server', 'add', 'x', '--level', '2'], 1, 'validated domain is needed'],
      [['apikey', 'create', 'a b'], 1, 'name of an API key'],
      [['apikey', 'create', 'x', '--scope', 'root'], 1, 'Scopes are'],
      [['apikey', 'revoke', 'nobody'], 1, 'no API key with this name'],
      [['agent', 'add'], 2, 'missing required argument'],
    ])('answers %j with code %i and a reason', async (args, code, reason) => {
      const answer = await registry(...args)
      expect([answer.code, answer.stdout + answer.stderr]).toEqual([code, expect.stringContaining(reason)])
      expect(answer.stderr).not.toContain('unexpected fault')
    })

    it.each(['', 'init', 'serve', 'agent add', 'server set-level', 'apikey create', 'ca rotate'])(
      'explains "%s"',
      async (command) => {
        const { code, stdout } = await runCapiscio(['registry', ...command.split(' ').filter(Boolean), '--help'])
        expect([code, stdout]).toEqual([0, expect.stringContaining('Usage: capiscio registry')])
      },
    )
  })

  it('has nothing of what a refused command began', async () => {
    expect((await registry('server', 'add', 'x', '--id', 'half', '--level', '2')).code).toBe(1)
    expect(await json('server', 'list')).toEqual([])
  })

  describe('while it is served', () => {
    it('is served by one process, and commands work beside it at once', async () => {
      const served = await serve(data)
      const second = await registry('serve', '--listen', '127.0.0.1:0')
      expect([second.code, second.stderr]).toEqual([1, expect.stringMatching(/locked|another process/i)])

      const { key } = await json('apikey', 'create', 'ci', '--account', 'team-a')
      const { id } = await json('server', 'add', 'Tools', '--account', 'team-a')
      const headers = { 'x-capiscio-registry-key': key }
      const read = () => fetch(`${served.url}/v1/sdk/servers/${id}`, { headers })
      expect((await read()).status).toBe(200)
      await json('apikey', 'revoke', 'ci')
      expect((await read()).status).toBe(401)
      const { kid } = await json('ca', 'rotate')
      expect(eventsIn(served.directory).slice(-4)).toEqual([
        'api_key_created',
        'server_created',
        'api_key_revoked',
        'ca_key_added',
      ])
      expect((await json('ca', 'show')).map(({ state }: { state: string }) => state)).toEqual([
        'signing',
        'published, waiting',
      ])
      expect(await served.stop()).toBe(0)

      const again = await serve(data)
      const { keys } = (await (await fetch(`${again.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
      expect(keys.map((published) => published.kid)).toContain(kid)
      expect(keys).toHaveLength(2)
      expect(await again.stop()).toBe(0)
    })

    it('works for a Python program that knows nothing but the protocol', async () => {
      const served = await serve(data)
      const report = JSON.parse(await runProgram('python3', [SCRIPT, served.url, ISSUER, adminKey]))
      expect(report).toEqual({
        put: [200, true],
        put_again: [200, true],
        put_other_key: [409, 'identity_already_set'],
        put_private_key: [400, 'private_key_sent'],
        put_wrong_api_key: [401, 'unauthorized'],
        put_unknown_server: [404, 'server_not_found'],
        ial0: [200, 'IAL-0', '0', true],
        challenge_names_agree: true,
        ial1: [200, 'IAL-1', '1', true],
        ial1_again: [403, 'challenge_used'],
        ial1_wrong_key: [403, 'proof_verification_failed'],
        status: [200, false],
        revoked: [200, true],
        listed: true,
      })
      expect(await served.stop()).toBe(0)
    })
  })
})
