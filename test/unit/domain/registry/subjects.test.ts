import { describe, expect, it } from 'vitest'
import {
  createNodeEd25519Signer,
  createNodeEd25519Verifier,
} from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../../../core/src/adapters/crypto/system-random.ts'
import { toDidKey } from '../../../../core/src/domain/did/did-key.ts'
import { createAccessKeys } from '../../../../core/src/domain/registry/access-keys.ts'
import { createAuditTrail } from '../../../../core/src/domain/registry/audit-trail.ts'
import { createIssuance } from '../../../../core/src/domain/registry/issuance.ts'
import { createIssuedBadges } from '../../../../core/src/domain/registry/issued-badges.ts'
import { createOwnDidDocuments } from '../../../../core/src/domain/registry/own-did-documents.ts'
import { createRateGate, RATE_LIMITS } from '../../../../core/src/domain/registry/rate-limits.ts'
import type { RegistryContext } from '../../../../core/src/domain/registry/registry-context.ts'
import { createSubjectNames } from '../../../../core/src/domain/registry/subject-names.ts'
import { createSubjects } from '../../../../core/src/domain/registry/subjects.ts'
import type { RegistryStore } from '../../../../core/src/ports/registry-store.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { createMemoryDidDocuments } from '../../../fakes/memory-did-documents.ts'
import { createMemoryRegistryStore } from '../../../fakes/memory-registry-store.ts'
import { agentKey, base64, ISSUER } from '../../../fakes/registry-world.ts'
import { refusalOf, rejectionOf } from '../../../tools/refusal.ts'

const OPERATOR = { kind: 'operator', accountId: 'default' } as const
const NOTHING = { did: undefined, publicKey: undefined, proof: undefined }
const POST = { htm: 'POST', htu: 'x' } as const

function setUp(change: (store: RegistryStore) => Partial<RegistryStore> = () => ({})) {
  const plain = createMemoryRegistryStore(ISSUER)
  const store = { ...plain, ...change(plain) }
  const clock = createFixedClock(1_780_315_200_000)
  /** Records wait until `open` lets them through. */
  const log = { state: 'open', open: Promise.resolve(), records: [] as string[] }
  const evidence = {
    state: () => log.state,
    async append(leaf: Uint8Array) {
      await log.open
      log.records.push(JSON.parse(new TextDecoder().decode(leaf))['event.name'])
    },
  }
  const signer = createNodeEd25519Signer(new Uint8Array(32).fill(3))
  const caKey = { kid: 'ca', signer, activeFromMs: 0 }
  const context: RegistryContext = {
    issuer: ISSUER,
    names: createSubjectNames(ISSUER),
    store,
    trail: createAuditTrail({ store, evidence, clock, random: systemRandom }),
    gate: createRateGate(RATE_LIMITS, clock),
    caKeys: () => ({ signing: caKey, published: [caKey] }),
    didDocuments: createOwnDidDocuments(createSubjectNames(ISSUER), store, createMemoryDidDocuments()),
    ed25519: createNodeEd25519Verifier({ maxKeys: 10 }),
    clock,
    random: systemRandom,
  }
  const subjects = createSubjects(context)
  const add = (id: string, seed?: number) => {
    const publicKey = seed === undefined ? undefined : base64(agentKey(seed).publicKey)
    return subjects.create(OPERATOR, 'agent', id, { name: id }, { ...NOTHING, publicKey }, POST)
  }
  const issuance = createIssuance(context)

  /** A sound answer of the agent `a1`, with the key of seed 1, to a new challenge. */
  async function answer() {
    const made = await issuance.challenge(OPERATOR, 'agent', 'a1', {
      badgeTtlSeconds: undefined,
      challengeTtlSeconds: undefined,
      audience: [],
      clientAddress: 'x',
    })
    const iat = made.createdAtMs / 1000
    const { id: cid, nonce, proofAudience: aud, htu, did } = made
    const claims = { cid, nonce, aud, htu, sub: did, htm: 'POST', iat, exp: iat + 60, jti: 'j' }
    const proof = agentKey(1).sign({ alg: 'EdDSA', typ: 'pop+jwt', kid: `${did}#key-1` }, claims)
    return { challengeId: cid, proof, clientAddress: 'x' }
  }
  return { context, store, subjects, issuance, add, answer, log, clock, jti: { value: '' } }
}

const BADGE = { ttlSeconds: undefined, audience: [], level: undefined }

describe('subjects of a registry', () => {
  it('are changed on top of what somebody else changed meanwhile', async () => {
    let interfere = true
    const { subjects, add } = setUp((store) => ({
      async changeSubject(subject, audit, proof) {
        if (interfere) {
          interfere = false
          const current = await store.subject('agent', 'a1')
          if (current)
            await store.changeSubject({ ...current, description: 'other', revision: current.revision + 1 }, audit)
        }
        return store.changeSubject(subject, audit, proof)
      },
    }))
    await add('a1')
    const changed = await subjects.update(OPERATOR, 'agent', 'a1', { name: 'new' }, NOTHING, POST)
    expect(changed).toMatchObject({ name: 'new', description: 'other', revision: 3 })
  })

  it('are given up on when somebody else is always faster', async () => {
    const { subjects, add } = setUp(() => ({ changeSubject: async () => 'stale' }))
    await add('a1')
    const update = subjects.update(OPERATOR, 'agent', 'a1', { name: 'new' }, NOTHING, POST)
    expect(await rejectionOf(update)).toBe('RegistryRefused conflict')
  })

  it.each(['addSubject', 'changeSubject'] as const)('take no proof that the store has seen (%s)', async (method) => {
    const { subjects, add } = setUp((store) =>
      method === 'addSubject'
        ? { addSubject: async () => 'proof-spent' }
        : { ...store, changeSubject: async () => 'proof-spent' },
    )
    if (method === 'addSubject') return expect(await rejectionOf(add('a1'))).toBe('RegistryRefused proof_replayed')
    await add('a1')
    const claim = { ...NOTHING, did: toDidKey(agentKey(1).publicKey) }
    expect(await rejectionOf(subjects.update(OPERATOR, 'agent', 'a1', {}, claim, POST))).toBe(
      'RegistryRefused proof_replayed',
    )
  })

  it('are not changed, and get no badge, while the log cannot be written', async () => {
    const { subjects, issuance, add, log, store, context } = setUp()
    await add('a1', 1)
    log.state = 'failed'
    const refused = 'RegistryRefused evidence_unavailable'
    expect(await rejectionOf(add('a2'))).toBe(refused)
    expect(await rejectionOf(subjects.disable(OPERATOR, 'agent', 'a1', undefined))).toBe(refused)
    const accessKeys = createAccessKeys(context)
    const key = { name: 'k', accountId: 'default', scopes: ['admin'] }
    expect(await rejectionOf(accessKeys.create(OPERATOR, key))).toBe(refused)
    expect(await rejectionOf(accessKeys.revoke(OPERATOR, 'k'))).toBe(refused)
    expect(await rejectionOf(createIssuedBadges(context).revoke(OPERATOR, 'x', undefined))).toBe(refused)
    expect(await rejectionOf(issuance.issue(OPERATOR, 'agent', 'a1', BADGE))).toBe(refused)
    const answer = { challengeId: '', proof: '', clientAddress: 'x' }
    expect(await rejectionOf(issuance.redeem('agent', 'a1', answer))).toBe(refused)
    expect(await store.subjects('agent')).toHaveLength(1)
    expect(await store.apiKeys()).toEqual([])
    expect((await store.subject('agent', 'a1'))?.status).toBe('active')
  })

  it('get no badge when they changed while it was being made', async () => {
    const { issuance, add } = setUp(() => ({ recordBadge: async () => 'stale' }))
    await add('a1', 1)
    expect(await rejectionOf(issuance.issue(OPERATOR, 'agent', 'a1', BADGE))).toBe('RegistryRefused conflict')
  })

  it('get no badge for a challenge when they changed while it was being answered', async () => {
    const { issuance, add, answer } = setUp(() => ({ consumeChallenge: async () => 'stale' }))
    await add('a1', 1)
    expect(await rejectionOf(issuance.redeem('agent', 'a1', await answer()))).toBe('RegistryRefused conflict')
  })

  it('get no badge for a challenge that another process used at the same moment', async () => {
    const { issuance, add, answer } = setUp(() => ({ consumeChallenge: async () => 'used' }))
    await add('a1', 1)
    expect(await rejectionOf(issuance.redeem('agent', 'a1', await answer()))).toBe('RegistryRefused challenge_used')
  })

  it('get no badge for a challenge when they were deleted before it was answered', async () => {
    const { issuance, subjects, add, answer } = setUp()
    const { did } = await add('a1', 1)
    const held = await answer()
    await subjects.delete(OPERATOR, 'agent', 'a1')
    expect(await rejectionOf(issuance.redeem('agent', did, held))).toBe('RegistryRefused agent_not_found')
  })

  it.each<[string, (world: ReturnType<typeof setUp>) => Promise<unknown>]>([
    ['agent_created', ({ add }) => add('a2')],
    ['agent_changed', ({ subjects }) => subjects.update(OPERATOR, 'agent', 'a1', { name: 'new' }, NOTHING, POST)],
    ['agent_disabled', ({ subjects }) => subjects.disable(OPERATOR, 'agent', 'a1', undefined)],
    ['badge_issued', ({ issuance }) => issuance.issue(OPERATOR, 'agent', 'a1', BADGE)],
    ['badge_issued', async ({ issuance, answer }) => issuance.redeem('agent', 'a1', await answer())],
    ['badge_revoked', ({ context, jti }) => createIssuedBadges(context).revoke(OPERATOR, jti.value, undefined)],
    [
      'api_key_created',
      ({ context }) => createAccessKeys(context).create(OPERATOR, { name: 'n', accountId: 'd', scopes: ['admin'] }),
    ],
    ['api_key_revoked', ({ context }) => createAccessKeys(context).revoke(OPERATOR, 'k')],
  ])('answer nobody before %s is in the log', async (event, work) => {
    const world = setUp()
    const { add, issuance, context, jti, log } = world
    await add('a1', 1)
    jti.value = (await issuance.issue(OPERATOR, 'agent', 'a1', BADGE)).jti
    await createAccessKeys(context).create(OPERATOR, { name: 'k', accountId: 'd', scopes: ['admin'] })
    let letThrough = (): void => {}
    log.open = new Promise((resolve) => {
      letThrough = resolve
    })
    let answered = false
    const answer = work(world).then(() => {
      answered = true
    })
    const before = log.records.length
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect([answered, log.records.length]).toEqual([false, before])
    letThrough()
    await answer
    expect(log.records.slice(before)).toEqual([`capiscio.registry.${event}`])
  })

  it('are listed for keys, not for badges', async () => {
    const { subjects } = setUp()
    const list = subjects.list({ kind: 'badge', did: 'did:web:a.example', jti: 'x' }, 'agent')
    expect(await rejectionOf(list)).toBe('RegistryRefused forbidden')
  })
})

describe('the names of subjects', () => {
  it('are of the issuer that can stand in a did:web', () => {
    const names = createSubjectNames('https://registry.example.com:8443')
    const did = 'did:web:registry.example.com%3A8443:servers:s1'
    expect(names.didOf('server', 's1')).toBe(did)
    expect(names.inNamespace(did)).toEqual({ kind: 'server', id: 's1' })
    for (const other of [
      `${did}:x`,
      `${did}/`,
      'did:web:registry.example.com:servers:s1',
      did.replace('servers', 'other'),
      'did:web:registry.example.com%3A8443:servers:',
    ]) {
      expect([other, names.inNamespace(other)]).toEqual([other, undefined])
    }
    for (const issuer of ['https://127.0.0.1', 'https://intern', 'https://[::1]:1']) {
      expect(refusalOf(() => createSubjectNames(issuer))).toBe('TypeError')
    }
  })
})
