import { describe, expect, it } from 'vitest'
import { openLocalRevocations } from '../../../../core/src/domain/revocation/local-revocations.ts'
import { createRevocations } from '../../../../core/src/domain/revocation/revocations.ts'
import type { BadgeStatusSource } from '../../../../core/src/ports/badge-status.ts'
import { createMemoryLocalFile } from '../../../fakes/memory-local-file.ts'
import { badgeId, createRevocationWorld, inQuestion, REVOKING_ISSUER } from '../../../fakes/revocation-world.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

async function createWorld(fixtures: ReadonlyMap<string, BadgeStatusSource> = new Map()) {
  const world = createRevocationWorld()
  const { clock, timer, events, open } = world
  const file = createMemoryLocalFile()
  const local = await openLocalRevocations(file, clock)
  const telemetry = { warning: ({ code }: { code: string }) => void events.push(code) }
  const issuers = [await open()]
  const revocations = createRevocations({ local, issuers, fixtures, timer, telemetry })
  return { ...world, file, local, revocations }
}

describe('all revocations together', () => {
  it('answer for configured issuers and fixtures, and for nobody else', async () => {
    const good = { isRevoked: async () => ({ answer: false }), isAgentActive: async () => ({ answer: true }) }
    const { revocations } = await createWorld(new Map([['https://fixture.example', good]]))
    expect(await revocations.status.isRevoked(inQuestion())).toMatchObject({ answer: false })
    const ofFixture = inQuestion({ issuer: 'https://fixture.example' })
    expect(await revocations.status.isRevoked(ofFixture)).toEqual({ answer: false })
    expect(await revocations.offlineStatus.isAgentActive(ofFixture)).toEqual({ answer: true })
    const ofStranger = inQuestion({ issuer: 'https://stranger.example' })
    expect(await rejectionOf(revocations.status.isRevoked(ofStranger))).toBe('SourceUnavailable')
    expect(await rejectionOf(revocations.status.isAgentActive(ofStranger))).toBe('SourceUnavailable')
  })

  it('take up a line that a person wrote within two seconds, and say once that one cannot be read', async () => {
    const { revocations, file, timer, events } = await createWorld()
    revocations.start()
    await timer.advance(0)
    file.text = `{"jti":"${badgeId(1)}"}\n`
    await timer.advance(2_000)
    expect(await revocations.status.isRevoked(inQuestion())).toEqual({ answer: true })
    const good = file.text
    file.text = `${good}nonsense\n`
    await timer.advance(10_000)
    expect(events.filter((event) => event === 'LOCAL_REVOCATIONS_NOT_READ')).toHaveLength(1)
    expect(await revocations.status.isRevoked(inQuestion())).toEqual({ answer: true })
    file.text = `${good}{"unrevoke":"${badgeId(1)}"}\n`
    await timer.advance(2_000)
    expect(await revocations.status.isRevoked(inQuestion())).toMatchObject({ answer: false })
    file.text = `${file.text}nonsense\n`
    await timer.advance(2_000)
    expect(events.filter((event) => event === 'LOCAL_REVOCATIONS_NOT_READ')).toHaveLength(2)
    await revocations.stop()
    file.text = good
    await timer.advance(60_000)
    expect(timer.waiting).toEqual([])
    expect(await revocations.status.isRevoked(inQuestion())).toMatchObject({ answer: false })
  })

  it('revoke at once a badge whose issuer is being asked', async () => {
    const { revocations, http, local } = await createWorld()
    let answer = (): void => {}
    http.trouble = () =>
      new Promise((resolve) => {
        answer = () => resolve(undefined as never)
      })
    const asked = revocations.status.isRevoked(inQuestion())
    await local.revoke(badgeId(1))
    answer()
    expect(await asked).toEqual({ answer: true })
  })

  it('are read again all or none', async () => {
    const { revocations, file, local } = await createWorld()
    file.text = `{"jti":"${badgeId(1)}"}\n`
    const apply = await revocations.reread()
    expect(local.entries()).toEqual([])
    await apply()
    expect(local.entries()).toHaveLength(1)
    file.text = 'nonsense\n'
    expect(await rejectionOf(revocations.reread())).toBe('RevocationRefused LOCAL_FILE_MALFORMED')
    expect(local.entries()).toHaveLength(1)
  })

  it('count their live answers', async () => {
    const { revocations } = await createWorld()
    await revocations.status.isRevoked(inQuestion())
    await revocations.status.isRevoked(inQuestion())
    await revocations.status.isAgentActive(inQuestion())
    expect(Object.fromEntries(revocations.statistics())).toEqual({
      badge_status: { entries: 1, maxEntries: 1_000, hits: 1, misses: 1 },
      agent_status: { entries: 1, maxEntries: 1_000, hits: 0, misses: 1 },
    })
    expect(revocations.issuers.get(REVOKING_ISSUER)?.mode).toBe('hybrid')
  })
})
