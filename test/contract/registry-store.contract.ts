import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type {
  AuditEntry,
  RegistryStore,
  StoredApiKey,
  StoredBadge,
  StoredChallenge,
  StoredSubject,
} from '../../core/src/ports/registry-store.ts'

/** Text that would do harm if it were ever part of a statement. */
export const HOSTILE = `'; DROP TABLE subjects; -- " \u0000 \ud83d\ude00 ${'x'.repeat(100)}`

export const entry = (): AuditEntry => ({ id: randomUUID(), leaf: Uint8Array.of(1, 2, 3) })

export function subjectNamed(id: string, given: Partial<StoredSubject> = {}): StoredSubject {
  return {
    kind: 'agent',
    id,
    accountId: 'default',
    did: `did:web:registry.example.com:agents:${id}`,
    publicKey: new Uint8Array(32).fill(7),
    keyProven: true,
    level: 2,
    validatedDomain: 'a.example.com',
    status: 'active',
    statusReason: undefined,
    disabledAtMs: undefined,
    name: HOSTILE,
    domain: undefined,
    description: HOSTILE,
    createdAtMs: 1_700_000_000_000,
    updatedAtMs: 1_700_000_000_001,
    revision: 1,
    ...given,
  }
}

export function badgeFor(subject: StoredSubject, given: Partial<StoredBadge> = {}): StoredBadge {
  return {
    jti: randomUUID(),
    subject: subject.did,
    accountId: subject.accountId,
    issuedAt: 1_700_000_000,
    expiresAt: 1_700_000_300,
    level: 2,
    ial: 0,
    confirmedKeyId: undefined,
    challengeId: undefined,
    revocation: undefined,
    ...given,
  }
}

export function challengeFor(subject: StoredSubject): StoredChallenge {
  return {
    id: `ch-${randomUUID()}`,
    nonce: HOSTILE,
    did: subject.did,
    accountId: subject.accountId,
    badgeAudience: ['https://a.example.com', HOSTILE],
    badgeTtlSeconds: 300,
    proofAudience: 'https://registry.example.com',
    htu: HOSTILE,
    createdAtMs: 1_700_000_000_000,
    expiresAtMs: 1_700_000_300_000,
    clientAddress: '127.0.0.1',
    usedAtMs: undefined,
    issuedBadgeJti: undefined,
  }
}

function keyNamed(name: string, hash: string = randomUUID()): StoredApiKey {
  return { name, accountId: HOSTILE, hash, scopes: ['admin', 'badges:issue'], createdAtMs: 5, revokedAtMs: undefined }
}

/** What every `RegistryStore` must do. `create` gives an empty one for `https://registry.example.com`. */
export function registryStoreContract(name: string, create: () => Promise<RegistryStore>): void {
  describe(`the registry store ${name}`, () => {
    let store: RegistryStore
    const agent = subjectNamed('a1')
    const pending = async (): Promise<number> => (await store.pendingAudit(1000)).length

    beforeEach(async () => {
      store = await create()
    })
    afterEach(() => store.close())

    it('says whose registry it is', () => {
      expect(store.issuer).toBe('https://registry.example.com')
    })

    describe('subjects', () => {
      it.each([
        ['with everything', { statusReason: HOSTILE, disabledAtMs: 3, domain: 'x', status: 'disabled' as const }],
        [
          'with nothing optional',
          { publicKey: undefined, validatedDomain: undefined, keyProven: false, description: undefined },
        ],
      ])('are found as they were added, %s', async (_case, given) => {
        const subject = subjectNamed('a1', given)
        expect(await store.addSubject(subject, entry())).toBe('added')
        expect(await store.subject('agent', 'a1')).toEqual(subject)
        expect(await store.subjectByDid(subject.did)).toEqual(subject)
        expect(await store.subject('server', 'a1')).toBeUndefined()
        expect(await store.subject('agent', 'A1')).toBeUndefined()
        expect(await store.subjectByDid(HOSTILE)).toBeUndefined()
      })

      it('share no id within a kind and no DID at all', async () => {
        await store.addSubject(agent, entry())
        expect(await store.addSubject({ ...agent, did: 'did:web:x.example:other' }, entry())).toBe('id-taken')
        expect(await store.addSubject({ ...agent, id: 'a2' }, entry())).toBe('did-taken')
        expect(await store.addSubject({ ...agent, kind: 'server' }, entry())).toBe('did-taken')
        expect(await store.addSubject({ ...agent, kind: 'server', did: 'did:web:x.example:s' }, entry())).toBe('added')
        expect(await pending()).toBe(2)
      })

      it('change from one revision to the next, once', async () => {
        await store.addSubject(agent, entry())
        const changed = { ...agent, name: 'new', revision: 2 }
        expect(await store.changeSubject(changed, entry())).toBe('changed')
        expect(await store.changeSubject({ ...changed, name: 'other' }, entry())).toBe('stale')
        expect(await store.changeSubject({ ...changed, revision: 4 }, entry())).toBe('stale')
        expect(await store.changeSubject(subjectNamed('a9', { revision: 2 }), entry())).toBe('stale')
        expect(await store.subject('agent', 'a1')).toEqual(changed)
        expect(await pending()).toBe(2)
      })

      it('do not change to the DID of another one', async () => {
        await store.addSubject(agent, entry())
        await store.addSubject(subjectNamed('a2'), entry())
        expect(await store.changeSubject({ ...agent, did: subjectNamed('a2').did, revision: 2 }, entry())).toBe(
          'did-taken',
        )
        expect(await store.subject('agent', 'a1')).toEqual(agent)
        expect(await pending()).toBe(2)
      })

      it('are listed by id, those of one account or all, deleted ones left out', async () => {
        for (const id of ['b', 'a', 'c']) await store.addSubject(subjectNamed(id), entry())
        await store.addSubject(subjectNamed('d', { accountId: 'other' }), entry())
        await store.addSubject(subjectNamed('e', { status: 'deleted' }), entry())
        await store.addSubject(subjectNamed('s', { kind: 'server' }), entry())
        const ids = async (account?: string) => (await store.subjects('agent', account)).map(({ id }) => id)
        expect(await ids()).toEqual(['a', 'b', 'c', 'd'])
        expect(await ids('default')).toEqual(['a', 'b', 'c'])
        expect(await ids(HOSTILE)).toEqual([])
      })

      it('take one proof once, whether they are added or changed', async () => {
        const proof = { jti: HOSTILE, expiresAtMs: 1000 }
        expect(await store.addSubject(agent, entry(), proof)).toBe('added')
        expect(await store.addSubject(subjectNamed('a2'), entry(), proof)).toBe('proof-spent')
        expect(await store.subject('agent', 'a2')).toBeUndefined()
        expect(await store.changeSubject({ ...agent, revision: 2 }, entry(), proof)).toBe('proof-spent')
        expect(await store.changeSubject({ ...agent, revision: 2 }, entry(), { ...proof, jti: 'b' })).toBe('changed')
        expect(await store.changeSubject({ ...agent, revision: 3 }, entry(), { ...proof, jti: 'b' })).toBe(
          'proof-spent',
        )
        expect(await pending()).toBe(2)
      })
    })

    describe('badges and challenges', () => {
      beforeEach(() => store.addSubject(agent, entry()))

      it('keep a badge as it was recorded', async () => {
        const badge = badgeFor(agent, { ial: 1, confirmedKeyId: HOSTILE })
        expect(await store.recordBadge(badge, 1, entry())).toBe('recorded')
        expect(await store.badge(badge.jti)).toEqual(badge)
        expect(await store.badge(randomUUID())).toBeUndefined()
      })

      it('record no badge for a subject that changed, is not active or is not there', async () => {
        const badge = badgeFor(agent)
        expect(await store.recordBadge(badge, 2, entry())).toBe('stale')
        expect(await store.recordBadge({ ...badge, subject: 'did:web:x.example:y' }, 1, entry())).toBe('stale')
        await store.changeSubject({ ...agent, status: 'disabled', revision: 2 }, entry())
        expect(await store.recordBadge(badge, 2, entry())).toBe('stale')
        expect(await store.badge(badge.jti)).toBeUndefined()
        expect(await pending()).toBe(2)
      })

      it('keep a challenge as it was made', async () => {
        const challenge = challengeFor(agent)
        await store.addChallenge(challenge)
        expect(await store.challenge(challenge.id)).toEqual(challenge)
        expect(await store.challenge(HOSTILE)).toBeUndefined()
      })

      it('let a challenge be used once, however many ask at a time', async () => {
        const challenge = challengeFor(agent)
        await store.addChallenge(challenge)
        const badges = Array.from({ length: 10 }, () => ({
          ...badgeFor(agent, { ial: 1, confirmedKeyId: 'k' }),
          challengeId: challenge.id,
        }))
        const outcomes = await Promise.all(badges.map((badge) => store.consumeChallenge(badge, 1, entry())))
        expect(outcomes.filter((outcome) => outcome === 'consumed')).toHaveLength(1)
        expect(outcomes.filter((outcome) => outcome === 'used')).toHaveLength(9)
        const winner = badges[outcomes.indexOf('consumed')]
        expect(await store.challenge(challenge.id)).toEqual({
          ...challenge,
          usedAtMs: 1_700_000_000_000,
          issuedBadgeJti: winner?.jti,
        })
        const stored = await Promise.all(badges.map(({ jti }) => store.badge(jti)))
        expect(stored.filter((badge) => badge !== undefined)).toEqual([winner])
        expect(await pending()).toBe(2)
      })

      it('leave a challenge unused when the subject changed', async () => {
        const challenge = challengeFor(agent)
        await store.addChallenge(challenge)
        const badge = { ...badgeFor(agent), challengeId: challenge.id }
        expect(await store.consumeChallenge(badge, 2, entry())).toBe('stale')
        expect(await store.challenge(challenge.id)).toEqual(challenge)
        expect(await store.badge(badge.jti)).toBeUndefined()
        expect(await store.consumeChallenge({ ...badge, challengeId: `ch-${randomUUID()}` }, 1, entry())).toBe('used')
        expect(await pending()).toBe(1)
      })
    })

    describe('revocations', () => {
      const revoke = (jti: string, atMs: number, reason?: string) => store.revokeBadge(jti, { atMs, reason }, entry())

      beforeEach(() => store.addSubject(agent, entry()))

      it('stand as they were made first', async () => {
        const badge = badgeFor(agent)
        await store.recordBadge(badge, 1, entry())
        expect(await revoke(badge.jti, 10, HOSTILE)).toBe('revoked')
        expect(await revoke(badge.jti, 20, 'other')).toBe('already-revoked')
        expect(await revoke(randomUUID(), 20)).toBe('unknown')
        expect(await store.badge(badge.jti)).toEqual({ ...badge, revocation: { atMs: 10, reason: HOSTILE } })
        expect(await pending()).toBe(3)
      })

      it('are listed by time and jti, from a time on, page by page, without badges that ended', async () => {
        const badges = ['b', 'a', 'c', 'd', 'e'].map((jti) =>
          badgeFor(agent, { jti, expiresAt: jti === 'e' ? 50 : 100 }),
        )
        for (const badge of badges) await store.recordBadge(badge, 1, entry())
        await store.recordBadge(badgeFor(agent, { jti: 'never' }), 1, entry())
        for (const [jti, atMs] of [
          ['b', 10],
          ['a', 10],
          ['c', 9],
          ['d', 11],
          ['e', 10],
        ] as const)
          await revoke(jti, atMs)
        const list = async (given: Partial<Parameters<RegistryStore['revocations']>[0]>) =>
          (await store.revocations({ sinceMs: 0, after: undefined, limit: 10, notEndedBefore: 0, ...given })).map(
            ({ jti }) => jti,
          )
        expect(await list({})).toEqual(['c', 'a', 'b', 'e', 'd'])
        expect(await list({ sinceMs: 10 })).toEqual(['a', 'b', 'e', 'd'])
        expect(await list({ sinceMs: 11 })).toEqual(['d'])
        expect(await list({ limit: 2 })).toEqual(['c', 'a'])
        expect(await list({ after: { atMs: 10, jti: 'a' } })).toEqual(['b', 'e', 'd'])
        expect(await list({ sinceMs: 10, after: { atMs: 10, jti: 'b' } })).toEqual(['e', 'd'])
        expect(await list({ notEndedBefore: 51 })).toEqual(['c', 'a', 'b', 'd'])
        expect(await list({ notEndedBefore: 50 })).toEqual(['c', 'a', 'b', 'e', 'd'])
      })
    })

    describe('API keys', () => {
      it('are found by their hash and keep their names, also when revoked', async () => {
        const key = keyNamed('ci')
        expect(await store.addApiKey(key, entry())).toBe('added')
        expect(await store.addApiKey(keyNamed('ci'), entry())).toBe('name-taken')
        expect(await store.apiKeyByHash(key.hash)).toEqual(key)
        expect(await store.apiKeyByHash(HOSTILE)).toBeUndefined()
        expect(await store.revokeApiKey('ci', 9, entry())).toBe('revoked')
        expect(await store.revokeApiKey('ci', 10, entry())).toBe('already-revoked')
        expect(await store.revokeApiKey('no', 10, entry())).toBe('unknown')
        expect(await store.addApiKey(keyNamed('ci'), entry())).toBe('name-taken')
        expect(await store.apiKeys()).toEqual([{ ...key, revokedAtMs: 9 }])
        expect(await pending()).toBe(2)
      })
    })

    describe('audit entries', () => {
      it('are given in order until they are marked', async () => {
        const entries = [entry(), entry(), entry()]
        for (const one of entries) await store.addAudit(one)
        const given = await store.pendingAudit(2)
        expect(given.map(({ id, leaf }) => ({ id, leaf }))).toEqual(entries.slice(0, 2))
        await store.markAudited(given[1]?.sequence ?? 0)
        const rest = await store.pendingAudit(10)
        expect(rest.map(({ id }) => id)).toEqual([entries[2]?.id])
        await store.markAudited(rest[0]?.sequence ?? 0)
        await store.addAudit(entry())
        // A sequence is never given twice, or a mark would hide what came later.
        expect((await store.pendingAudit(10))[0]?.sequence).toBeGreaterThan(rest[0]?.sequence ?? 0)
      })
    })

    it('forgets what ended before the given times, and nothing else', async () => {
      await store.addSubject(agent, entry(), { jti: 'p', expiresAtMs: 100 })
      const challenge = { ...challengeFor(agent), expiresAtMs: 100 }
      await store.addChallenge(challenge)
      const badge = badgeFor(agent, { expiresAt: 100 })
      await store.recordBadge(badge, 1, entry())
      const again = { ...agent, revision: 2 }

      await store.prune({ challengesMs: 100, proofsMs: 100, badgesSeconds: 100 })
      expect(await store.challenge(challenge.id)).toBeDefined()
      expect(await store.badge(badge.jti)).toBeDefined()
      expect(await store.changeSubject(again, entry(), { jti: 'p', expiresAtMs: 100 })).toBe('proof-spent')

      await store.prune({ challengesMs: 101, proofsMs: 101, badgesSeconds: 101 })
      expect(await store.challenge(challenge.id)).toBeUndefined()
      expect(await store.badge(badge.jti)).toBeUndefined()
      expect(await store.changeSubject(again, entry(), { jti: 'p', expiresAtMs: 100 })).toBe('changed')
    })
  })
}
