import { openLocalRevocations } from '../../core/src/domain/revocation/local-revocations.ts'
import { createRevocations } from '../../core/src/domain/revocation/revocations.ts'
import type { StatusMode } from '../../core/src/domain/revocation/status-verdict.ts'
import { unreachable } from '../fakes/issuer-http.ts'
import { createMemoryBadgeStatus } from '../fakes/memory-badge-status.ts'
import { createMemoryLocalFile } from '../fakes/memory-local-file.ts'
import { createRevocationWorld, inQuestion, REVOKED_AGENT, REVOKING_ISSUER } from '../fakes/revocation-world.ts'
import { badgeStatusContract, type StatusUnderTest } from './badge-status.contract.ts'

badgeStatusContract('the fake in memory', async () => {
  const source = createMemoryBadgeStatus()
  const badge = inQuestion()
  return {
    source,
    badge,
    revoke: async () => void source.revoked.add(badge.jti),
    disable: async () => void source.disabled.add(badge.subject),
    revokeLocally: async (what) => void source.locallyRevoked.add(badge[what]),
    loseIssuer: async () => {
      source.unanswerable.add('isRevoked')
      source.unanswerable.add('isAgentActive')
    },
  }
})

badgeStatusContract('the core in mode online', () => openCore('online'))
badgeStatusContract('the core in mode hybrid', () => openCore('hybrid'))

badgeStatusContract('the core in mode offline, with a snapshot', async () => {
  const { clock, open } = createRevocationWorld()
  const badge = inQuestion()
  const said = { revocations: [] as object[], disabledSubjects: [] as string[] }
  let version = 0
  const read = async (known?: string) => {
    if (known === String(version)) return undefined as never
    const text = JSON.stringify({ ...said, syncedAt: new Date(clock.nowMs()).toISOString() })
    return { bytes: new TextEncoder().encode(text), version: String(version) }
  }
  const issuer = await open({ mode: 'offline', sources: { snapshot: { path: '/snapshot.json', read } } })
  const change = async (): Promise<void> => {
    version++
    await issuer.sync?.()
  }
  await change()
  return underTest(issuer, badge, {
    revoke: async () => {
      said.revocations.push({ jti: badge.jti })
      await change()
    },
    disable: async () => {
      said.disabledSubjects.push(badge.subject)
      await change()
    },
    loseIssuer: async () => clock.advance(300_001),
  })
})

async function openCore(mode: StatusMode): Promise<StatusUnderTest> {
  const { clock, http, open } = createRevocationWorld()
  const badge = inQuestion()
  const issuer = await open({ mode })
  // Long enough for every remembered answer to be asked for again.
  const later = async (): Promise<void> => clock.advance(30_001)
  return underTest(issuer, badge, {
    revoke: async () => {
      http.revoked.push({ jti: badge.jti, atMs: clock.nowMs() })
      await later()
    },
    disable: async () => {
      http.agents.set(REVOKED_AGENT, 'disabled')
      await later()
    },
    loseIssuer: async () => {
      http.trouble = unreachable
      clock.advance(300_001)
    },
  })
}

async function underTest(
  issuer: Awaited<ReturnType<ReturnType<typeof createRevocationWorld>['open']>>,
  badge: StatusUnderTest['badge'],
  world: Pick<StatusUnderTest, 'revoke' | 'disable' | 'loseIssuer'>,
): Promise<StatusUnderTest> {
  const { clock, timer } = createRevocationWorld()
  const local = await openLocalRevocations(createMemoryLocalFile(), clock)
  const telemetry = { warning: () => undefined }
  const { status } = createRevocations({ local, issuers: [issuer], fixtures: new Map(), timer, telemetry })
  if (badge.issuer !== REVOKING_ISSUER) throw new TypeError('The badge is of another issuer')
  return {
    source: status,
    badge,
    ...world,
    revokeLocally: async (what) => void (await local.revoke(badge[what])),
  }
}
