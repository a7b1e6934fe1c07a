import { describe, expect, it } from 'vitest'
import { createLenientStatus, type StatusLeniency } from '../../../../core/src/domain/badge/lenient-status.ts'
import { SourceUnavailable } from '../../../../core/src/ports/source-unavailable.ts'

const STRICT: StatusLeniency = { skipRevocation: false, skipAgentStatus: false, failOpen: false }
const BADGE = { issuer: 'https://a.example', jti: 'j', subject: 'did:web:a.example', level: 2 }

function lenient(leniency: Partial<StatusLeniency>, answer: () => boolean) {
  const asked: string[] = []
  const warnings: string[] = []
  const ask = (what: string) => async () => {
    asked.push(what)
    return { answer: answer(), ageMs: 7 }
  }
  const inner = { isRevoked: ask('revoked'), isAgentActive: ask('active') }
  const status = createLenientStatus(inner, { ...STRICT, ...leniency }, (message) => void warnings.push(message))
  return { status, asked, warnings }
}

const unavailable = (): never => {
  throw new SourceUnavailable('down')
}

describe('lenient status', () => {
  it.each([true, false])('passes every answer on where nothing is skipped: %s', async (answer) => {
    for (const leniency of [{}, { failOpen: true }]) {
      const { status, warnings } = lenient(leniency, () => answer)
      expect([await status.isRevoked(BADGE), await status.isAgentActive(BADGE)]).toEqual([
        { answer, ageMs: 7 },
        { answer, ageMs: 7 },
      ])
      expect(warnings).toEqual([])
    }
  })

  it('asks the other question only, when one is skipped, and warns', async () => {
    const first = lenient({ skipRevocation: true }, () => true)
    expect(await first.status.isRevoked(BADGE)).toEqual({ answer: false })
    expect(await first.status.isAgentActive(BADGE)).toEqual({ answer: true, ageMs: 7 })
    expect([first.asked, first.warnings]).toEqual([['active'], ['Whether the badge was revoked was not asked.']])
    const second = lenient({ skipAgentStatus: true }, () => false)
    expect(await second.status.isRevoked(BADGE)).toEqual({ answer: false, ageMs: 7 })
    expect(await second.status.isAgentActive(BADGE)).toEqual({ answer: true })
    expect([second.asked, second.warnings]).toEqual([['revoked'], ['Whether the agent is active was not asked.']])
  })

  it('takes for granted what cannot be known, only when told to, and warns', async () => {
    const open = lenient({ failOpen: true }, unavailable)
    expect(await open.status.isRevoked(BADGE)).toEqual({ answer: false, warning: 'STATUS_FAIL_OPEN' })
    expect(await open.status.isAgentActive(BADGE)).toEqual({ answer: true, warning: 'STATUS_FAIL_OPEN' })
    expect(open.warnings).toHaveLength(2)
    const { status } = lenient({}, unavailable)
    await expect(status.isRevoked(BADGE)).rejects.toThrow(SourceUnavailable)
    await expect(status.isAgentActive(BADGE)).rejects.toThrow(SourceUnavailable)
  })

  it('skips nothing at level 0, where only the operator is asked', async () => {
    const { status, warnings } = lenient({ skipRevocation: true, skipAgentStatus: true }, () => true)
    expect(await status.isRevoked({ ...BADGE, level: 0 })).toMatchObject({ answer: true })
    expect(await status.isAgentActive({ ...BADGE, level: 0 })).toMatchObject({ answer: true })
    expect(warnings).toEqual([])
  })

  it('takes no fault for granted', async () => {
    const { status, warnings } = lenient({ failOpen: true }, () => {
      throw new Error('bug')
    })
    await expect(status.isRevoked(BADGE)).rejects.toThrow('bug')
    await expect(status.isAgentActive(BADGE)).rejects.toThrow('bug')
    expect(warnings).toEqual([])
  })
})
