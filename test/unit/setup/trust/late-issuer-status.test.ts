import { describe, expect, it } from 'vitest'
import type { Revocations } from '../../../../core/src/domain/revocation/revocations.ts'
import type { BadgeInQuestion, BadgeStatusSource } from '../../../../core/src/ports/badge-status.ts'
import { createLateIssuers } from '../../../../core/src/setup/trust/late-issuer-status.ts'

const KNOWN = 'https://known.example'
const PINNED = 'https://pinned.example'
const STRANGER = 'https://stranger.example'

const badgeOf = (issuer: string, level = 2): BadgeInQuestion => ({
  issuer,
  level,
  jti: 'j',
  subject: 'did:web:a.example',
})

function world() {
  const events: string[] = []
  const locallyRevoked = new Set<string>()
  const pinned = new Set([PINNED])
  let broken = false
  const source = (name: string): BadgeStatusSource => ({
    async isRevoked({ issuer }) {
      events.push(`${name} revoked ${issuer}`)
      return { answer: false, ageMs: 1 }
    },
    async isAgentActive({ issuer }) {
      events.push(`${name} active ${issuer}`)
      return { answer: true, ageMs: 2 }
    },
  })
  const local = { isRevoked: ({ jti }: { jti: string }) => locallyRevoked.has(jti) }
  const known = { status: source('known'), offlineStatus: source('known offline'), local }
  const open = async (issuer: string) => {
    events.push(`open ${issuer}`)
    if (broken) throw new Error('broken')
    return {
      status: source('late'),
      offlineStatus: source('late offline'),
      start: () => void events.push('start'),
      stop: async () => void events.push('stop'),
      [Symbol.dispose]: () => void events.push('dispose'),
    } as unknown as Revocations & Disposable
  }
  const breakDown = (is: boolean): void => {
    broken = is
  }
  const late = createLateIssuers(
    known,
    (issuer) => issuer === KNOWN,
    (issuer) => pinned.has(issuer),
    open,
  )
  return { late, events, locallyRevoked, pinned, breakDown }
}

describe('the standing of badges', () => {
  it.each([badgeOf(KNOWN), badgeOf(STRANGER), badgeOf(PINNED, 0)])(
    'is asked about as ever: $issuer at level $level',
    async (badge) => {
      const { late, events } = world()
      expect(await late.status.isRevoked(badge)).toEqual({ answer: false, ageMs: 1 })
      expect(await late.offlineStatus.isAgentActive(badge)).toEqual({ answer: true, ageMs: 2 })
      expect(events).toEqual([`known revoked ${badge.issuer}`, `known offline active ${badge.issuer}`])
    },
  )

  it('is asked of an issuer that was pinned later, which is opened once', async () => {
    const { late, events } = world()
    expect(await late.status.isRevoked(badgeOf(PINNED))).toEqual({ answer: false, ageMs: 1 })
    expect(await late.offlineStatus.isAgentActive(badgeOf(PINNED))).toEqual({ answer: true, ageMs: 2 })
    expect(events.sort()).toEqual([
      `late offline active ${PINNED}`,
      `late revoked ${PINNED}`,
      `open ${PINNED}`,
      'start',
    ])
  })

  it('is not asked of an issuer whose pin is gone', async () => {
    const { late, events, pinned } = world()
    await late.status.isRevoked(badgeOf(PINNED))
    pinned.clear()
    await late.status.isRevoked(badgeOf(PINNED))
    expect(events.at(-1)).toBe(`known revoked ${PINNED}`)
  })

  it('is bad where the operator says so, whatever the issuer says', async () => {
    const { late, locallyRevoked, events } = world()
    locallyRevoked.add('j')
    expect(await late.status.isRevoked(badgeOf(PINNED))).toEqual({ answer: true })
    expect(events).toEqual([])
  })

  it('is bad where the operator says so while the issuer is asked', async () => {
    const { late, locallyRevoked } = world()
    const asked = late.status.isRevoked(badgeOf(PINNED))
    locallyRevoked.add('j')
    expect(await asked).toEqual({ answer: true })
  })

  it('can be asked again after an issuer could not be opened', async () => {
    const { late, breakDown } = world()
    breakDown(true)
    await expect(late.status.isRevoked(badgeOf(PINNED))).rejects.toThrow('broken')
    breakDown(false)
    expect(await late.status.isRevoked(badgeOf(PINNED))).toEqual({ answer: false, ageMs: 1 })
  })
})

it('stops what it opened', async () => {
  const { late, events } = world()
  await late.status.isRevoked(badgeOf(PINNED))
  await late[Symbol.asyncDispose]()
  expect(events.slice(-2)).toEqual(['stop', 'dispose'])
  const other = world()
  other.breakDown(true)
  await other.late.status.isRevoked(badgeOf(PINNED)).catch(() => undefined)
  await other.late[Symbol.asyncDispose]()
  expect(other.events).not.toContain('stop')
})
