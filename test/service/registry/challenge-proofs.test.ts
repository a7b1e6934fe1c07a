import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { toDidKey } from '../../../core/src/domain/did/did-key.ts'
import { RATE_LIMITS } from '../../../core/src/domain/registry/rate-limits.ts'
import type { FakeIssuer } from '../../fakes/issuer.ts'
import {
  agentKey,
  type HeldChallenge,
  proofClaims,
  proofHeader,
  type RegistryWorld,
  startRegistryWorld,
} from '../../fakes/registry-world.ts'

const PLENTY = { events: 10_000, windowMs: 60_000 }

const payloadOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('answering a challenge (registry.md §5.3)', () => {
  let world: RegistryWorld
  let did: string
  let kid: string
  let challenge: HeldChallenge
  const agent = agentKey(1)

  beforeAll(async () => {
    // The limits have tests of their own.
    const rateLimits = Object.fromEntries(Object.keys(RATE_LIMITS).map((name) => [name, PLENTY])) as never
    world = await startRegistryWorld({ adapters: { rateLimits } })
    did = await world.addAgent('a1', agent)
    kid = `${did}#key-1`
  })
  afterAll(() => world?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    challenge = await world.challenge(did)
  })

  const path = (of = did): string => `/v1/agents/${encodeURIComponent(of)}/badge`
  const claims = (given: object = {}) => ({ ...proofClaims(challenge, did, world.clock.nowMs()), ...given })
  const send = (proof: string, given: object = {}, at = path()) => {
    const body = { mode: 'ial1', challenge_id: challenge.challenge_id, proof_jws: proof, ...given }
    return world.outcome('POST', at, { key: 'none', body })
  }
  const sendClaims = (given: object, header: object = proofHeader(kid), by: FakeIssuer = agent) =>
    send(by.sign(header, claims(given)))

  it('gives a badge that says who proved what, by which challenge', async () => {
    const proof = agent.sign(proofHeader(kid), claims())
    const { status, body } = await world.call('POST', path(), {
      key: 'none',
      body: { mode: 'ial1', challenge_id: challenge.challenge_id, proof_jws: proof },
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      success: true,
      message: 'Badge issued with proof of possession',
      data: { token: body.badge, jti: body.jti, subject: did, trust_level: '1', trustLevel: '1', cnf: { kid } },
    })
    expect(body.data).toMatchObject({
      assurance_level: 'IAL-1',
      ial: '1',
      expires_at: body.expires_at,
      expiresAt: body.expires_at,
    })
    expect(payloadOf(body.badge)).toMatchObject({
      iss: 'https://registry.example.com',
      sub: did,
      ial: '1',
      cnf: { kid },
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(agent.publicKey).toString('base64url') },
      pop_challenge_id: challenge.challenge_id,
      exp: world.clock.nowMs() / 1000 + 300,
    })
    expect(world.records().at(-1)).toMatchObject({
      'event.name': 'capiscio.registry.badge_issued',
      'io.capisc.registry.jti': body.jti,
      'io.capisc.registry.ial': 1,
      'io.capisc.registry.challenge_id': challenge.challenge_id,
    })
  })

  it.each(['/v1/agents', '/v1/sdk/agents'])('is also served at %s/{did}/badge/pop, without mode', async (prefix) => {
    const body = { challenge_id: challenge.challenge_id, proof_jws: agent.sign(proofHeader(kid), claims()) }
    const at = `${prefix}/${encodeURIComponent(did)}/badge/pop`
    expect(await world.outcome('POST', at, { key: 'none', body })).toBe('200')
  })

  it.each([
    ['unencoded colons', (name: string) => name],
    ['a bare id', () => 'a1'],
    ['lower-case escapes', (name: string) => name.replaceAll(':', '%3a')],
  ])('takes a path with %s', async (_case, written) => {
    const proof = agent.sign(proofHeader(kid), claims())
    expect(await send(proof, {}, `/v1/agents/${written(did)}/badge`)).toBe('200')
  })

  describe('step by step', () => {
    it.each(['', 'x', randomUUID(), `ch-${randomUUID()}x`, `CH-${randomUUID()}`, `ch-${'0'.repeat(36)}`])(
      '1: refuses the challenge id %j',
      async (challenge_id) => {
        expect(await send('', { challenge_id })).toBe('400 invalid_challenge_id')
      },
    )

    it('2: refuses a challenge that was never made', async () => {
      expect(await send('', { challenge_id: `ch-${randomUUID()}` })).toBe('404 challenge_not_found')
    })

    it('3: refuses the challenge of another DID', async () => {
      const other = await world.addAgent(`other-${randomUUID()}`, agentKey(2))
      expect(await send('', {}, path(other))).toBe('403 subject_mismatch')
    })

    it('4: refuses a challenge that was used, with the same proof and with a new one', async () => {
      const proof = agent.sign(proofHeader(kid), claims())
      expect(await send(proof)).toBe('200')
      expect(await send(proof)).toBe('403 challenge_used')
      expect(await sendClaims({})).toBe('403 challenge_used')
      expect(await send('')).toBe('403 challenge_used')
    })

    it('5: refuses a challenge from the moment on that it expires', async () => {
      const token = (): string =>
        agent.sign(proofHeader(kid), claims({ exp: Date.parse(challenge.challenge_expires_at) / 1000 }))
      world.clock.advance(299_000)
      const inTime = token()
      world.clock.advance(1_000)
      expect(await send(inTime)).toBe('403 challenge_expired')
      challenge = await world.challenge(did, { challenge_ttl: 1 })
      expect(await send(token())).toBe('200')
    })

    it.each([
      ['no JWS', () => 'not.a-jws'],
      ['two parts', () => 'e30.e30'],
      ['an empty signature', () => `${agent.sign(proofHeader(kid), claims()).split('.').slice(0, 2).join('.')}.`],
      ['padding', () => `${agent.sign(proofHeader(kid), claims())}=`],
      ['a payload that is no object', () => agent.signRaw(JSON.stringify(proofHeader(kid)), '[]')],
      ['a repeated claim', () => agent.signRaw(JSON.stringify(proofHeader(kid)), '{"cid":"a","cid":"b"}')],
      ['nothing', () => ''],
    ])('6: refuses %s', async (_case, token) => {
      expect(await send(token())).toBe('400 invalid_proof')
    })

    it.each(['cid', 'nonce', 'sub', 'aud', 'htu', 'htm', 'iat', 'exp', 'jti'])(
      '6: refuses a proof whose %s is missing, of another type or empty',
      async (name) => {
        expect(await sendClaims({ [name]: undefined })).toBe('400 invalid_proof')
        expect(await sendClaims({ [name]: name === 'iat' || name === 'exp' ? '1' : 7 })).toBe('400 invalid_proof')
        expect(await sendClaims({ [name]: name === 'iat' || name === 'exp' ? 1.5 : '' })).toBe('400 invalid_proof')
        expect(await sendClaims({ [name]: null })).toBe('400 invalid_proof')
      },
    )

    it.each([
      { typ: 'JWT' },
      { typ: 'pop+jws' },
      { typ: 'POP+JWT' },
      { typ: undefined },
      { alg: 'none' },
      { alg: 'HS256' },
      { kid: undefined },
      { kid: '' },
      { kid: 'did:web:registry.example.com:agents:a1?x=1#key-1' },
      { crit: ['exp'] },
      { b64: false },
    ])('7: refuses the header %j', async (given) => {
      expect(await sendClaims({}, { ...proofHeader(kid), ...given })).toBe('400 invalid_proof')
    })

    it('8: refuses another cid', async () => {
      expect(await sendClaims({ cid: `ch-${randomUUID()}` })).toBe('403 cid_mismatch')
    })

    it('9: refuses another nonce', async () => {
      expect(await sendClaims({ nonce: `${challenge.nonce}=` })).toBe('400 invalid_proof')
    })

    it.each(['https://registry.example.com/', 'https://other.example.com'])('10: refuses the aud %s', async (aud) => {
      expect(await sendClaims({ aud })).toBe('403 audience_mismatch')
    })

    it('11: refuses every other spelling of htu', async () => {
      const { htu } = challenge
      const others = [
        htu.replace('registry.example', 'REGISTRY.example'),
        htu.replaceAll('%3A', ':'),
        htu.replaceAll('%3A', '%3a'),
        `${htu}/`,
        `${htu}?`,
        htu.replace('https:', 'http:'),
      ]
      for (const other of others) expect([other, await sendClaims({ htu: other })]).toEqual([other, '403 htu_mismatch'])
    })

    it.each(['GET', 'post'])('12: refuses the htm %s', async (htm) => {
      expect(await sendClaims({ htm })).toBe('400 invalid_proof')
    })

    it('13 to 15: takes an iat at the edges and refuses one a second beyond', async () => {
      const now = Math.floor(world.clock.nowMs() / 1000)
      expect(await sendClaims({ iat: now + 61, exp: now + 62 })).toBe('403 iat_invalid')
      expect(await sendClaims({ iat: now - 61, exp: now - 1 })).toBe('403 iat_invalid')
      // Within the tolerance on that side, so that a later step is the one that refuses.
      expect(await sendClaims({ iat: now - 60, exp: now })).toBe('403 proof_expired')
      expect(await sendClaims({ iat: now + 60, exp: now + 61 })).toBe('200')
      challenge = await world.challenge(did, { challenge_ttl: 30 })
      expect(await sendClaims({ iat: now + 31, exp: now + 32 })).toBe('403 iat_invalid')
      expect(await sendClaims({ iat: now + 30, exp: now + 31 })).toBe('403 exp_outside_challenge_window')
    })

    it.each([-600_000, 600_000])('13, 14: refuses a client whose clock is %i ms off', async (offMs) => {
      const iat = Math.floor((world.clock.nowMs() + offMs) / 1000)
      expect(await sendClaims({ iat, exp: iat + 60 })).toBe('403 iat_invalid')
    })

    it.each([61, 300, 0, -1])('16: refuses an exp %i seconds after iat', async (seconds) => {
      const { iat } = claims()
      expect(await sendClaims({ exp: iat + seconds })).toBe('403 exp_too_long')
    })

    it('17: refuses a proof from the second on that it expires', async () => {
      const { iat } = claims()
      const token = agent.sign(proofHeader(kid), claims({ exp: iat + 1 }))
      world.clock.advance(1_000)
      expect(await send(token)).toBe('403 proof_expired')
    })

    it('18: refuses an exp after the end of the challenge', async () => {
      challenge = await world.challenge(did, { challenge_ttl: 30 })
      const { iat } = claims()
      expect(await sendClaims({ exp: iat + 31 })).toBe('403 exp_outside_challenge_window')
      expect(await sendClaims({ exp: iat + 30 })).toBe('200')
    })

    it('19: refuses another sub', async () => {
      expect(await sendClaims({ sub: 'did:web:registry.example.com:agents:a2' })).toBe('403 subject_mismatch')
    })

    it('21: refuses a kid that the document does not have', async () => {
      for (const other of [`${did}#key-2`, '#key-1', `${did}#KEY-1`]) {
        expect([other, await sendClaims({}, proofHeader(other))]).toEqual([other, '403 kid_not_found'])
      }
    })

    it('23: refuses the signature of another key, a changed one, and one under another algorithm', async () => {
      expect(await sendClaims({}, proofHeader(kid), agentKey(9))).toBe('403 proof_verification_failed')
      const [header, payload] = agent.sign(proofHeader(kid), claims()).split('.')
      const foreign = agent.sign(proofHeader(kid), claims()).split('.')[2]
      expect(await send(`${header}.${payload}.${foreign}`)).toBe('403 proof_verification_failed')
      expect(await sendClaims({}, { ...proofHeader(kid), alg: 'ES256' })).toBe('403 proof_verification_failed')
    })

    it('24: gives one badge to ten who answer at a time', async () => {
      const before = world.records().length
      const proof = agent.sign(proofHeader(kid), claims())
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => send(proof)))
      expect(outcomes.toSorted()).toEqual(['200', ...Array(9).fill('403 challenge_used')])
      expect(world.records().length).toBe(before + 1)
    })

    it('keeps the challenge after a proof that fails', async () => {
      expect(await sendClaims({ aud: 'x' })).toBe('403 audience_mismatch')
      expect(await sendClaims({})).toBe('200')
    })
  })

  describe('when the agent is a did:key', () => {
    const keyed = agentKey(3)
    let keyDid: string

    beforeAll(async () => {
      const body = { id: 'keyed', name: 'keyed', did: toDidKey(keyed.publicKey) }
      keyDid = (await world.call('POST', '/v1/sdk/agents', { body })).body.data.did
      expect(keyDid).toBe(body.did)
    })

    it('takes the only key id that it has', async () => {
      challenge = await world.challenge(keyDid)
      const named = `${keyDid}#${keyDid.slice('did:key:'.length)}`
      const at = path(keyDid)
      const token = (id: string) => keyed.sign(proofHeader(id), claims({ sub: keyDid }))
      expect(await send(token(`${keyDid}#keys-1`), {}, at)).toBe('403 kid_not_found')
      expect(await send(token(named), {}, at)).toBe('200')
    })
  })

  describe('when the agent is a did:web elsewhere', () => {
    const foreign = agentKey(4)
    const webDid = 'did:web:agents.example.org:one'
    const methodId = `${webDid}#k`
    const document = (given: object = {}) => ({
      id: webDid,
      verificationMethod: [{ id: methodId, publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: foreign.jwk.x } }],
      authentication: [methodId],
      ...given,
    })
    const serve = (text: string | undefined): void => {
      if (text === undefined) world.didDocuments.documents.delete(webDid)
      else world.didDocuments.documents.set(webDid, text)
    }
    const answer = () => send(foreign.sign(proofHeader(methodId), claims({ sub: webDid })), {}, path(webDid))

    beforeAll(async () => {
      serve(JSON.stringify(document()))
      const body = {
        id: 'foreign',
        name: 'foreign',
        did: webDid,
        publicKey: Buffer.from(foreign.publicKey).toString('base64'),
      }
      expect(await world.outcome('POST', '/v1/sdk/agents', { body })).toBe('201')
    })
    beforeEach(async () => {
      serve(JSON.stringify(document()))
      challenge = await world.challenge(webDid)
    })

    it('trusts its document', async () => {
      expect(await answer()).toBe('200')
      expect(world.didDocuments.forgotten).not.toContain(webDid)
    })

    it('looks at the document anew after a signature that does not verify', async () => {
      const stranger = agentKey(5)
      const proof = stranger.sign(proofHeader(methodId), claims({ sub: webDid }))
      expect(await send(proof, {}, path(webDid))).toBe('403 proof_verification_failed')
      expect(world.didDocuments.forgotten).toContain(webDid)
    })

    it('takes a method that stands in authentication itself', async () => {
      const [method] = document().verificationMethod
      serve(JSON.stringify(document({ verificationMethod: [], authentication: [method] })))
      expect(await answer()).toBe('200')
    })

    it.each([
      ['20: that cannot be had', undefined, '502 did_resolution_failed'],
      ['20: that is no JSON', '<html>', '502 did_document_invalid'],
      ['20: of another DID', JSON.stringify({ id: 'did:web:x.example' }), '502 did_document_invalid'],
      ['20: whose keys are no list', JSON.stringify({ id: webDid, verificationMethod: 7 }), '502 did_document_invalid'],
      ['21: without the key', JSON.stringify({ id: webDid, verificationMethod: [] }), '403 kid_not_found'],
      [
        '22: that lists no key for authentication',
        JSON.stringify(document({ authentication: [] })),
        '403 key_not_in_authentication',
      ],
      [
        '22: that lists another one',
        JSON.stringify(document({ authentication: [`${webDid}#x`] })),
        '403 key_not_in_authentication',
      ],
    ])('refuses a document %s', async (_case, text, expected) => {
      serve(text)
      expect(await answer()).toBe(expected)
      serve(JSON.stringify(document()))
      expect(await answer()).toBe('200')
    })
  })

  describe('when the agent is disabled meanwhile', () => {
    it('gives no badge, and gives one when it is enabled again', async () => {
      const proof = agent.sign(proofHeader(kid), claims())
      expect(await world.outcome('POST', `/v1/agents/${did}/disable`)).toBe('200')
      expect(await send(proof)).toBe('403 agent_disabled')
      expect(await world.outcome('POST', `/v1/agents/${did}/enable`)).toBe('200')
      expect(await send(proof)).toBe('200')
    })
  })
})
