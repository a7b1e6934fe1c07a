import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLocalRevocationFile } from '../../../../core/src/adapters/revocation/local-revocation-file.ts'
import { openLocalRevocations } from '../../../../core/src/domain/revocation/local-revocations.ts'
import { createFixedClock } from '../../../fakes/fixed-clock.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

const JTI = '550e8400-e29b-41d4-a716-446655440000'
const DID = 'did:web:a.example:agents:1'
const NOW = Date.parse('2025-12-09T15:05:00Z')
const REFUSED = 'RevocationRefused LOCAL_FILE_MALFORMED'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-local-'))
  path = join(folder, 'state', 'local.jsonl')
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const open = () => openLocalRevocations(createLocalRevocationFile(path), createFixedClock(NOW))
const badge = (changes: object = {}) => ({ jti: JTI, subject: DID, ...changes })

describe('local revocations', () => {
  it('are in force and on disk when revoking is over', async () => {
    const local = await open()
    expect(local.isRevoked(badge())).toBe(false)
    expect(await local.revoke(JTI.toUpperCase(), { reason: 'KEY_COMPROMISE', comment: 'stolen' })).toEqual({
      subject: JTI,
      revokedAtMs: NOW,
      reason: 'KEY_COMPROMISE',
      comment: 'stolen',
    })
    expect(local.isRevoked(badge())).toBe(true)
    expect(local.isRevoked(badge({ jti: JTI.toUpperCase() }))).toBe(true)
    expect(local.isRevoked(badge({ jti: 'other' }))).toBe(false)
    expect(await readFile(path, 'utf8')).toBe(
      `{"jti":"${JTI}","at":"2025-12-09T15:05:00.000Z","reason":"KEY_COMPROMISE","comment":"stolen"}\n`,
    )
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder, 'state'))).mode & 0o777).toBe(0o700)
    expect((await open()).isRevoked(badge())).toBe(true)
  })

  it('of a subject revoke all its badges, and are taken back by a line of their own', async () => {
    const local = await open()
    await local.revoke(DID)
    expect(local.isRevoked(badge({ jti: 'any' }))).toBe(true)
    expect(local.find(DID)).toEqual({ subject: DID, revokedAtMs: NOW })
    expect(await local.unrevoke(DID)).toBe(true)
    expect(await local.unrevoke(DID)).toBe(false)
    expect(local.isRevoked(badge())).toBe(false)
    expect((await open()).entries()).toEqual([])
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(3)
  })

  it('repeated give the first one, and write nothing', async () => {
    const local = await open()
    await local.revoke(JTI, { comment: 'first' })
    const { size } = await stat(path)
    expect(await local.revoke(JTI, { comment: 'second' })).toMatchObject({ comment: 'first' })
    expect((await stat(path)).size).toBe(size)
  })

  it('all arrive when many are made at once, by two cores on one file', async () => {
    const cores = [await open(), await open()]
    const names = Array.from({ length: 40 }, (_, n) => `badge-${n}`)
    await Promise.all(names.map((name, n) => cores[n % 2]?.revoke(name)))
    expect(
      (await open())
        .entries()
        .map(({ subject }) => subject)
        .sort(),
    ).toEqual([...names].sort())
  })

  it('of another core or a person are taken up when the file is read again', async () => {
    const local = await open()
    await local.revoke(JTI)
    expect(await local.reread()).toBeUndefined()
    await appendFile(path, `{"subject":"${DID}"}\n`)
    const apply = await local.reread()
    expect(local.find(DID)).toBeUndefined()
    apply?.()
    expect(local.find(DID)).toBeDefined()
  })

  it('stay in force when the file is broken or gone, which is said', async () => {
    const local = await open()
    await local.revoke(JTI)
    const written = await readFile(path, 'utf8')
    await appendFile(path, 'nonsense\n')
    expect(await rejectionOf(local.reread())).toBe(REFUSED)
    expect(await rejectionOf(local.revoke('other'))).toBe(REFUSED)
    await rm(path)
    expect(await rejectionOf(local.reread())).toBe(REFUSED)
    expect(await rejectionOf(local.unrevoke(JTI))).toBe(REFUSED)
    expect(local.isRevoked(badge())).toBe(true)
    await writeFile(path, written)
    ;(await local.reread())?.()
    expect(local.isRevoked(badge())).toBe(true)
  })

  it('keep a core from starting when a line of the file cannot be read', async () => {
    await (await open()).revoke(JTI)
    await appendFile(path, '{"jti":7}\n')
    expect(await rejectionOf(open())).toBe(REFUSED)
  })

  it('put away a last line that was never finished, before they write the next', async () => {
    await (await open()).revoke(JTI)
    const before = await readFile(path, 'utf8')
    await appendFile(path, '{"jti":"torn')
    const local = await open()
    expect(local.entries()).toHaveLength(1)
    await local.revoke('next')
    expect(await readFile(path, 'utf8')).toBe(`${before}{"jti":"next","at":"2025-12-09T15:05:00.000Z"}\n`)
  })

  it('end a line that a person did not end', async () => {
    await (await open()).revoke(JTI)
    await appendFile(path, '{"jti":"by-hand"}')
    const local = await open()
    await local.revoke('next')
    expect((await open()).entries().map(({ subject }) => subject)).toEqual([JTI, 'by-hand', 'next'])
  })

  it('are not in force when they could not be stored', async () => {
    const local = await open()
    await writeFile(join(folder, 'state'), 'a file in the way')
    expect(await rejectionOf(local.revoke(JTI))).toMatch(/^Error E/)
    expect(local.isRevoked(badge())).toBe(false)
    await rm(join(folder, 'state'))
    await local.revoke(JTI)
    expect(local.isRevoked(badge())).toBe(true)
  })

  it('refuse what can be no subject, and write nothing', async () => {
    const local = await open()
    expect(await rejectionOf(local.revoke('a b'))).toBe('RevocationRefused ENTRY_INVALID')
    expect(await rejectionOf(local.unrevoke(''))).toBe('RevocationRefused ENTRY_INVALID')
    await expect(stat(path)).rejects.toThrow('ENOENT')
  })
})
