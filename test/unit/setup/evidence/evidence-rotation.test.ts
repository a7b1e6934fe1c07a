import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import { openCheckpoint } from '../../../../core/src/domain/evidence/checkpoint.ts'
import { openNoteOf } from '../../../../core/src/domain/evidence/note.ts'
import {
  createVerifierKey,
  formatVerifierKey,
  parseVerifierKey,
} from '../../../../core/src/domain/evidence/verifier-key.ts'
import { openEvidenceReader } from '../../../../core/src/setup/evidence/open-evidence-reader.ts'
import { verifyEvidenceLog } from '../../../../core/src/setup/evidence/verify-evidence-log.ts'
import { createFixedClock, type FixedClock } from '../../../fakes/fixed-clock.ts'
import { nodeVerifier } from '../../../fakes/log-signer.ts'
import {
  createEvidencePlace,
  type EvidencePlace,
  openAt,
  removeEvidencePlaces,
  snapshot,
} from '../../../tools/evidence-place.ts'
import { rejectionOf } from '../../../tools/refusal.ts'

afterAll(removeEvidencePlaces)

const WEEK_MS = 7 * 24 * 60 * 60 * 1000
const leafOf = (i: number) => new TextEncoder().encode(`{"entry":${i}}`)

let place: EvidencePlace
let clock: FixedClock
beforeEach(() => {
  place = createEvidencePlace()
  clock = createFixedClock(Date.UTC(2026, 0))
})

const open = () => openAt(place, { clock })
/** Opens, stores some entries, closes. */
async function written(count: number): Promise<string> {
  const { log } = await open()
  for (let i = 0; i < count; i++) await log.append(leafOf(log.size))
  await log.close()
  return log.vkey
}
async function rotated(overlapMs = WEEK_MS): Promise<{ readonly oldVkey: string; readonly newVkey: string }> {
  const { log, rotateKey } = await open()
  const newVkey = await rotateKey(overlapMs)
  await log.close()
  return { oldVkey: log.vkey, newVkey }
}
const logJson = () => JSON.parse(readFileSync(join(place.directory, 'log.json'), 'utf8'))
const keyFile = () => {
  const folder = join(place.stateDir, 'log-keys')
  return join(folder, readdirSync(folder)[0] ?? '')
}
const checkpoint = () => new Uint8Array(readFileSync(join(place.directory, 'checkpoint')))
/** Which of the keys signed the published checkpoint. */
const signersOf = (note: Uint8Array, vkeys: readonly string[]) =>
  openNoteOf(note, vkeys.map(parseVerifierKey), nodeVerifier).signers.map(({ key }) =>
    vkeys.findIndex((vkey) => parseVerifierKey(vkey).keyId.join() === key.keyId.join()),
  )
const verify = (vkeys?: readonly string[]) =>
  verifyEvidenceLog({ directory: place.directory, verifier: nodeVerifier, ...(vkeys && { vkeys }) })

describe('a rotation of the log key', () => {
  it('is recorded under the old key, then both sign, then the new one alone', async () => {
    await written(3)
    const { oldVkey, newVkey } = await rotated()
    const both = [oldVkey, newVkey]
    expect(signersOf(checkpoint(), both)).toEqual([0])
    const reader = await openEvidenceReader(place.directory, nodeVerifier)
    for await (const { leaf } of reader.entries(3, 4)) {
      expect(JSON.parse(new TextDecoder().decode(leaf))).toEqual({
        'event.name': 'capiscio.evidence_key_rotated',
        'io.capisc.new_vkey': newVkey,
        'io.capisc.old_vkey': oldVkey,
        timestamp: '2026-01-01T00:00:00.000Z',
      })
    }
    expect(await written(2)).toBe(newVkey)
    expect(signersOf(checkpoint(), both)).toEqual([0, 1])
    clock.advance(WEEK_MS - 1)
    await written(1)
    expect(signersOf(checkpoint(), both)).toEqual([0, 1])
    const last = checkpoint()

    clock.advance(1)
    await written(1)
    expect(signersOf(checkpoint(), both)).toEqual([1])
    expect(logJson()).toMatchObject({ vkey: newVkey, earlierKeys: [{ vkey: oldVkey, retiredAfter: 7 }] })
    const [, keyId] = oldVkey.split('+')
    expect(new Uint8Array(readFileSync(join(place.directory, 'earlier-keys', `${keyId}.checkpoint`)))).toEqual(last)
    expect(await verify()).toMatchObject({ ok: true, size: 8 })
  })

  it('leaves a log that both its keys and either alone can verify while both sign', async () => {
    const { oldVkey, newVkey } = await rotated()
    await written(3)
    for (const vkeys of [[oldVkey], [newVkey], [oldVkey, newVkey]]) {
      const { origin } = logJson()
      expect(openCheckpoint(checkpoint(), origin, vkeys.map(parseVerifierKey), nodeVerifier).size).toBe(4)
    }
  })

  it('is not begun again before it is over, and can be repeated then', async () => {
    await rotated()
    const { log, rotateKey } = await open()
    expect(await rejectionOf(rotateKey(WEEK_MS))).toBe('LogDirectoryRefused LOG_KEY_ROTATING')
    await log.close()
    clock.advance(WEEK_MS)
    // The opening that retires the old key may begin the next rotation.
    await rotated(0)
    await written(1)
    expect(logJson().earlierKeys.length).toBe(2)
    expect(JSON.parse(readFileSync(keyFile(), 'utf8')).earlierKeys).toEqual(logJson().earlierKeys)
    expect(await verify()).toMatchObject({ ok: true })
  })

  it('keeps what else log.json says', async () => {
    await written(1)
    const { createdAt, origin } = logJson()
    await rotated()
    expect(logJson()).toMatchObject({ version: 1, createdAt, origin })
  })
})

describe('a key that was replaced', () => {
  it('vouches for nothing beyond the size at which it was retired', async () => {
    await written(3)
    const stolen = readFileSync(keyFile())
    const { oldVkey } = await rotated(0)
    await written(2)
    const honest = readFileSync(join(place.directory, 'log.json'))
    const { vkey, earlierKeys } = logJson()
    // The thief goes on with the old key as if nothing had happened.
    writeFileSync(keyFile(), JSON.stringify({ ...JSON.parse(stolen.toString()), earlierKeys: [{ vkey }] }))
    writeFileSync(
      join(place.directory, 'log.json'),
      JSON.stringify({ ...logJson(), vkey: oldVkey, earlierKeys: [{ vkey }] }),
    )
    await written(2)
    writeFileSync(join(place.directory, 'log.json'), honest)
    expect(earlierKeys).toEqual([{ vkey: oldVkey, retiredAfter: 4 }])
    const verdict = await verify()
    expect(verdict).toMatchObject({ ok: false, findings: [{ code: 'NOTE_UNSIGNED', file: 'checkpoint' }] })
  })

  it('that log.json does not name is a mismatch', async () => {
    await rotated()
    const file = { ...logJson(), earlierKeys: [] }
    writeFileSync(join(place.directory, 'log.json'), JSON.stringify(file))
    const before = snapshot(place.folder)
    expect(await rejectionOf(open())).toBe('EvidenceRefused LOG_KEY_MISMATCH')
    expect(snapshot(place.folder)).toEqual(before)
  })

  it('that log.json alone names, by whoever can write it and has no key of the log, vouches for nothing', async () => {
    const realVkey = await written(3)
    const honest = logJson()
    const seed = new Uint8Array(32).fill(7)
    const foreignVkey = formatVerifierKey(createVerifierKey(honest.origin, createNodeEd25519Signer(seed).publicKey))
    // Somebody writes the log on with a key of their own, in a state folder of their own.
    const foreign = { ...place, stateDir: join(place.folder, 'foreign-state') }
    cpSync(place.stateDir, foreign.stateDir, { recursive: true })
    const [file = ''] = readdirSync(join(foreign.stateDir, 'log-keys'))
    const foreignKey = {
      ...JSON.parse(readFileSync(keyFile(), 'utf8')),
      ...{ seed: Buffer.from(seed).toString('base64url'), earlierKeys: [{ vkey: realVkey }] },
    }
    writeFileSync(join(foreign.stateDir, 'log-keys', file), JSON.stringify(foreignKey), { mode: 0o600 })
    const change = (json: object) => writeFileSync(join(place.directory, 'log.json'), JSON.stringify(json))
    change({ ...honest, vkey: foreignVkey, earlierKeys: [{ vkey: realVkey }] })
    const { log } = await openAt(foreign, { clock })
    await log.append(leafOf(3))
    await log.close()

    // And has the core believe that this key was replaced by its own one day.
    change({ ...honest, earlierKeys: [{ vkey: foreignVkey }] })
    const before = snapshot(place.folder)
    expect(await rejectionOf(open())).toBe('EvidenceRefused LOG_KEY_MISMATCH')
    expect(snapshot(place.folder)).toEqual(before)
    change(honest)
    expect(await rejectionOf(open())).toBe('EvidenceRefused NOTE_UNSIGNED')
  })

  it.each([
    ['is retired later than it was', (key: object) => ({ ...key, retiredAfter: 1_000_000 })],
    ['is not retired', ({ vkey }: { vkey: string }) => ({ vkey })],
    ['is another one', (key: object) => ({ ...key, vkey: 'evidence.capiscio.local/x+00000000+AQ==' })],
  ])('that in log.json %s is a mismatch', async (_, change) => {
    await rotated(0)
    await written(1)
    const { earlierKeys, ...rest } = logJson()
    writeFileSync(join(place.directory, 'log.json'), JSON.stringify({ ...rest, earlierKeys: earlierKeys.map(change) }))
    expect(await rejectionOf(open())).toBe('EvidenceRefused LOG_KEY_MISMATCH')
  })

  it.each([[{}], [[{}]], [[{ vkey: 1 }]], [[{ vkey: 'x', retiredAfter: 'never' }]], ['x']])(
    'in a list like %j is refused',
    async (earlierKeys) => {
      await written(1)
      writeFileSync(join(place.directory, 'log.json'), JSON.stringify({ ...logJson(), earlierKeys }))
      expect(await rejectionOf(open())).toBe('LogDirectoryRefused LOG_DESCRIPTOR_MALFORMED')
    },
  )

  it.each([
    ['a next key', { nextSeed: 'AAAA' }],
    ['a previous key', { previousSeed: 7 }],
    ['an overlap', { overlapUntilMs: 'soon' }],
    ['an earlier key', { earlierKeys: [{ vkey: 1 }] }],
  ])('or %s that is damaged in the key file is refused', async (_, change) => {
    await written(1)
    writeFileSync(keyFile(), JSON.stringify({ ...JSON.parse(readFileSync(keyFile(), 'utf8')), ...change }), {
      mode: 0o600,
    })
    expect(await rejectionOf(open())).toBe('LogDirectoryRefused LOG_KEY_MALFORMED')
  })
})

describe('a rotation that was interrupted', () => {
  it('when log.json had retired the old key and the state folder had not retires it again', async () => {
    await written(3)
    const { oldVkey } = await rotated(0)
    const both = readFileSync(keyFile())
    await written(0)
    writeFileSync(keyFile(), both)
    await written(1)
    const retired = [{ vkey: oldVkey, retiredAfter: 4 }]
    expect(logJson().earlierKeys).toEqual(retired)
    expect(JSON.parse(readFileSync(keyFile(), 'utf8'))).toMatchObject({ earlierKeys: retired })
  })

  /** Key file and log.json as they are after each step of a rotation. */
  async function steps() {
    await written(3)
    const first = { key: readFileSync(keyFile()), json: readFileSync(join(place.directory, 'log.json')) }
    const { newVkey, oldVkey } = await rotated()
    const last = { key: readFileSync(keyFile()), json: readFileSync(join(place.directory, 'log.json')) }
    const { seed: next, overlapUntilMs } = JSON.parse(last.key.toString())
    const begun = JSON.stringify({ ...JSON.parse(first.key.toString()), nextSeed: next, overlapUntilMs })
    return { first, last, begun, newVkey, oldVkey }
  }
  const store = (key: string | Buffer, json: Buffer) => {
    writeFileSync(keyFile(), key)
    writeFileSync(join(place.directory, 'log.json'), json)
  }

  it('before log.json named the new key goes on with the old one, and takes up the same new key again', async () => {
    const { first, begun, newVkey, oldVkey } = await steps()
    store(begun, first.json)
    expect(await written(1)).toBe(oldVkey)
    expect(signersOf(checkpoint(), [oldVkey, newVkey])).toEqual([0])
    expect((await rotated()).newVkey).toBe(newVkey)
  })

  it('after log.json named the new key goes on with both', async () => {
    const { last, begun, newVkey, oldVkey } = await steps()
    store(begun, last.json)
    expect(await written(1)).toBe(newVkey)
    expect(signersOf(checkpoint(), [oldVkey, newVkey])).toEqual([0, 1])
    expect(JSON.parse(readFileSync(keyFile(), 'utf8'))).toEqual(JSON.parse(last.key.toString()))
    expect(existsSync(keyFile())).toBe(true)
  })
})
