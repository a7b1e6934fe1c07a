import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreService, Outcome } from '@capiscio/proto/core/v1'
import { BadgeService, DIDService, TrustStoreService } from '@capiscio/proto/v1'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toPublicJwk } from '../../core/src/domain/did/key-jwk.ts'
import { vcOf } from '../fakes/badge-world.ts'
import { createFakeIssuer } from '../fakes/issuer.ts'
import { type CoreProcess, devCredential, runCapiscio, startDevCore } from '../tools/core-process.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'

const ISSUER = 'https://pinned.example'
const ca = createFakeIssuer('ca-1', 11)
const publicJwk = toPublicJwk(ca.publicKey, 'ca-1')

let core: CoreProcess
let client: RawClient

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-store-')))
  client = createRawClient(core.address)
})

afterAll(async () => {
  client[Symbol.dispose]()
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

/** A fresh badge of the issuer that nobody configured. */
function badge(issuer = ISSUER, signer = ca, kid = 'ca-1'): string {
  const iat = Math.floor(Date.now() / 1000)
  return signer.sign(
    { alg: 'EdDSA', typ: 'JWT', kid },
    {
      jti: crypto.randomUUID(),
      iss: issuer,
      sub: 'did:web:pinned.example:agents:a',
      iat,
      exp: iat + 300,
      ial: '0',
      key: { kty: 'OKP', crv: 'Ed25519', x: ca.jwk['x'] },
      vc: vcOf('2', { domain: 'pinned.example' }),
    },
  )
}

async function decide(credential = badge()) {
  const { decision } = await client.call(CoreService.method.evaluateToolAccess, {
    toolName: 'read_rows',
    credential: { case: 'badgeJws', value: credential },
  })
  return decision?.outcome === Outcome.ALLOW ? 'ALLOW' : decision?.code
}

const trustPath = () => join(core.folder, 'trust')

describe('a running core', () => {
  it('names the calls that it offers', async () => {
    const { implementedMethods } = await client.call(CoreService.method.getServerInfo, {})
    const offered = (service: { readonly typeName: string }) =>
      implementedMethods.filter((path) => path.startsWith(`/${service.typeName}/`)).map((path) => path.split('/')[2])
    expect(offered(DIDService)).toEqual(['Parse', 'NewAgentDID', 'NewCapiscIOAgentDID', 'DocumentURL', 'IsAgentDID'])
    expect(offered(TrustStoreService)).toHaveLength(8)
    expect(offered(BadgeService)).toEqual([
      'SignBadge',
      'VerifyBadge',
      'VerifyBadgeWithOptions',
      'ParseBadge',
      'RequestBadge',
      'RequestPoPBadge',
      'StartKeeper',
    ])
  })

  it.each([
    ['BadgeService/SignBadge'],
    ['TrustStoreService/AddKey'],
    ['TrustStoreService/RemoveKey'],
    ['TrustStoreService/Clear'],
    ['TrustStoreService/ImportFromDirectory'],
    ['TrustStoreService/ExportToDirectory'],
  ])('offers %s to no browser', async (path) => {
    const answer = await fetch(`${core.http}/capiscio.v1.${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(answer.status).toBe(404)
  })

  it('verifies its example badges over the old contract', async () => {
    const token = await devCredential(core.folder, 'badges', 'level-3.jwt')
    expect(await client.call(BadgeService.method.verifyBadge, { token })).toMatchObject({ valid: true })
    const expired = await devCredential(core.folder, 'badges', 'expired.jwt')
    expect(await client.call(BadgeService.method.verifyBadge, { token: expired })).toMatchObject({
      errorCode: 'BADGE_EXPIRED',
    })
    const { token: own, claims } = await client.call(BadgeService.method.signBadge, {
      privateKeyJwk: JSON.stringify({ ...publicJwk, d: Buffer.alloc(32, 11).toString('base64url') }),
    })
    expect(await client.call(BadgeService.method.verifyBadge, { token: own })).toMatchObject({
      valid: true,
      claims: { sub: claims?.sub },
    })
  })

  it('lets nobody pin or remove a key who may only ask it for decisions', async () => {
    const key = { did: ISSUER, publicKey: new TextEncoder().encode(JSON.stringify(publicJwk)) }
    const { addKey, removeKey, importFromDirectory, clear } = TrustStoreService.method
    const refusals = await Promise.allSettled([
      client.call(addKey, key),
      client.call(removeKey, { did: ISSUER }),
      client.call(importFromDirectory, {}),
      client.call(clear, { confirm: true }),
    ])
    const refused = { status: 'rejected', reason: expect.objectContaining({ code: status.UNAUTHENTICATED }) }
    expect(refusals).toEqual([refused, refused, refused, refused])
    expect(await client.call(TrustStoreService.method.isTrusted, { did: ISSUER })).toMatchObject({ isTrusted: false })
    expect(await decide()).toBe('TOOL_ISSUER_UNTRUSTED')
  })

  it('believes a key from the answer on, and not after its removal', async () => {
    const token = await devCredential(core.folder, 'state', 'admin-token')
    using operator = createRawClient(core.address, { headers: { authorization: `Bearer ${token}` } })
    const seen = badge()
    expect(await decide(seen)).toBe('TOOL_ISSUER_UNTRUSTED')
    const added = await operator.call(TrustStoreService.method.addKey, {
      did: 'did:web:pinned.example',
      publicKey: new TextEncoder().encode(JSON.stringify(publicJwk)),
    })
    expect(added).toMatchObject({ keyId: 'ca-1', errorMessage: '' })
    expect(await decide(seen)).toBe('ALLOW')
    const info = await client.call(CoreService.method.getServerInfo, {})
    expect(info.trustedIssuers).toContainEqual(expect.objectContaining({ issuer: ISSUER, keySource: 'store', keys: 1 }))
    expect((await operator.call(TrustStoreService.method.removeKey, { did: ISSUER })).keysRemoved).toBe(1)
    expect(await decide(seen)).toBe('TOOL_ISSUER_UNTRUSTED')
  })

  it.each([1, 2, 3, 4])('believes the raw key that it was given: number %i', async (seed) => {
    const token = await devCredential(core.folder, 'state', 'admin-token')
    using operator = createRawClient(core.address, { headers: { authorization: `Bearer ${token}` } })
    const issuer = createFakeIssuer('raw', seed)
    const did = 'did:web:raw.example'
    const { keyId, errorMessage } = await operator.call(TrustStoreService.method.addKey, {
      did,
      publicKey: issuer.publicKey,
    })
    expect(errorMessage).toBe('')
    expect(await decide(badge('https://raw.example', issuer, keyId))).toBe('ALLOW')
    const { keysRemoved } = await operator.call(TrustStoreService.method.removeKey, { did: 'https://raw.example' })
    expect(keysRemoved).toBe(1)
  })

  it('notices what a command changes', async () => {
    const file = join(core.folder, 'ca.jwk')
    await writeFile(file, JSON.stringify(publicJwk))
    const place = ['--trust-store', trustPath()]
    expect(await runCapiscio(['trust', 'add', file, '--issuer', ISSUER, ...place])).toMatchObject({ code: 0 })
    await expect.poll(() => decide(), { timeout: 30_000 }).toBe('ALLOW')
    expect(await runCapiscio(['trust', 'remove', 'ca-1', ...place])).toMatchObject({ code: 0 })
    await expect.poll(() => decide(), { timeout: 30_000 }).toBe('TOOL_ISSUER_UNTRUSTED')
  })
})

describe('a core that cannot use its trust store', () => {
  it('does not start, and says why', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capiscio-store-'))
    const trust = join(folder, 'trust')
    await mkdir(trust)
    await chmod(trust, 0o777)
    const args = ['serve', '--listen', '127.0.0.1:0', '--http', 'none', '--trust-store', trust]
    const { code, stderr } = await runCapiscio(args, { env: { HOME: folder } })
    expect([code, stderr]).toEqual([1, expect.stringContaining(`chmod 700 ${trust}`)])
    await rm(folder, { recursive: true })
  })
})

describe('the real command', () => {
  it('keeps keys for their owner only under umask 000', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capiscio-store-'))
    const umask = process.umask(0o000)
    try {
      const env = { HOME: folder }
      const { code, stdout } = await runCapiscio(['key', 'gen', '--out', join(folder, 'k'), '--show-did'], { env })
      expect(code).toBe(0)
      const modes = await Promise.all(
        ['k', 'k/private.jwk', 'k/public.jwk'].map(async (name) => (await stat(join(folder, name))).mode & 0o777),
      )
      expect(modes).toEqual([0o700, 0o600, 0o644])
      expect((await runCapiscio(['trust', 'add', '--did', stdout.trim()], { env })).code).toBe(0)
      expect((await stat(join(folder, '.capiscio/trust'))).mode & 0o777).toBe(0o700)
      const issued = await runCapiscio(
        ['badge', 'issue', '--self-sign', '--key', join(folder, 'k/private.jwk'), '--out', join(folder, 'b.jwt')],
        { env },
      )
      expect(issued).toMatchObject({ code: 0, stdout: '' })
      expect((await stat(join(folder, 'b.jwt'))).mode & 0o777).toBe(0o600)
      expect((await runCapiscio(['badge', 'verify', join(folder, 'b.jwt')], { env })).code).toBe(0)
      expect((await runCapiscio(['trust', 'remove', stdout.trim()], { env })).code).toBe(0)
      const refused = await runCapiscio(['badge', 'verify', join(folder, 'b.jwt'), '--explain'], { env })
      expect([refused.code, refused.stdout.includes('\u001b')]).toEqual([1, false])
      expect(await runCapiscio(['badge', 'verify'], { env })).toMatchObject({ code: 2 })
      expect(JSON.parse(await readFile(join(folder, 'k/public.jwk'), 'utf8'))).not.toHaveProperty('d')
    } finally {
      process.umask(umask)
      await rm(folder, { recursive: true })
    }
  })
})
