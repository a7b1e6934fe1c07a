import { createPublicKey, type KeyObject } from 'node:crypto'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseVerifierKey } from '../../core/src/domain/evidence/verifier-key.ts'
import { openEvidenceReader } from '../../core/src/setup/evidence/open-evidence-reader.ts'
import { nodeVerifier } from '../fakes/log-signer.ts'
import { createEvidencePlace, type EvidencePlace, openAt, removeEvidencePlaces } from '../tools/evidence-place.ts'
import { buildGoAuditor } from './go-auditor.ts'
import { obtained } from './prepared.ts'
import { runProgram } from './run-program.ts'
import { serveFolder } from './static-files.ts'

/** Around every boundary of tiles and bundles. */
const SIZES = [0, 1, 2, 255, 256, 257, 65_536, 70_000]

const auditor = await obtained("Go with the Go team's log packages", buildGoAuditor)

/** One log that grows, and a copy of its folder at each size. */
const place: EvidencePlace = createEvidencePlace()
const directoryAt = (size: number) => join(place.folder, `at-${size}`)
let vkey: string

beforeAll(async () => {
  for (const size of SIZES) {
    const { log } = await openAt(place)
    vkey = log.vkey
    for (let i = log.size; i < size; i = log.size) {
      const leafOf = (_: unknown, n: number) => new TextEncoder().encode(`{"entry":${i + n}}`)
      await Promise.all(Array.from({ length: Math.min(4096, size - i) }, leafOf).map((leaf) => log.append(leaf)))
    }
    await log.close()
    cpSync(place.directory, directoryAt(size), { recursive: true, filter: (path) => !path.endsWith('/lock') })
  }
}, 60_000)

afterAll(async () => {
  removeEvidencePlaces()
  if (auditor !== undefined) await rm(auditor, { recursive: true, force: true })
})

describe.skipIf(auditor === undefined)("the Go team's packages, over HTTP", () => {
  const audit = async (directory: string): Promise<string> => {
    await using server = await serveFolder(directory)
    return await runProgram(join(auditor ?? '', 'audit'), [server.url, vkey], { cwd: place.folder, timeoutMs: 30_000 })
  }

  it.each(SIZES)('accept a log of %i entries', { timeout: 30_000 }, async (size) => {
    expect(await audit(directoryAt(size))).toBe(`${size} entries of ${vkey.split('+')[0]} are what was written\n`)
  })

  it('refuse the files of one size under the checkpoint of another', async () => {
    const mixed = join(place.folder, 'mixed')
    cpSync(directoryAt(256), mixed, { recursive: true })
    writeFileSync(join(mixed, 'checkpoint'), readFileSync(join(directoryAt(257), 'checkpoint')))
    await expect(audit(mixed)).rejects.toThrow('404')
  })
})

/** What is used of a function that the package does not export. */
type VerifyInclusion = (entry: object, authorities: readonly object[]) => void

describe('@sigstore/verify', () => {
  const require = createRequire(import.meta.url)
  const tlog = join(dirname(require.resolve('@sigstore/verify')), 'tlog', 'index.js')
  const verifyInclusion: VerifyInclusion = require(tlog).verifyTLogInclusion

  async function verify(
    size: number,
    index: number,
    change: { readonly body?: Buffer; readonly note?: (note: string) => string } = {},
  ) {
    const reader = await openEvidenceReader(directoryAt(size), nodeVerifier)
    const { name, keyId, publicKey } = parseVerifierKey(vkey)
    const key: KeyObject = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') },
      format: 'jwk',
    })
    for await (const { leaf } of reader.entries(index, index + 1)) {
      const { body = Buffer.from(leaf), note = (same) => same } = change
      const checkpoint = note(new TextDecoder().decode(reader.checkpoint()))
      verifyInclusion(
        {
          logId: { keyId: Buffer.from(keyId) },
          canonicalizedBody: body,
          inclusionProof: {
            logIndex: String(index),
            hashes: (await reader.inclusionProof(index, size)).map((hash) => Buffer.from(hash)),
            checkpoint: { envelope: checkpoint },
          },
        },
        [{ logID: Buffer.from(keyId), baseURL: `https://${name}`, publicKey: key }],
      )
    }
  }

  it('is there with the function that is used', () => {
    expect([existsSync(tlog), typeof verifyInclusion]).toEqual([true, 'function'])
  })

  it.each(SIZES.filter((size) => size > 0))('finds entries of a log of %i included', async (size) => {
    for (const index of new Set([0, 1, 254, 255, 256, 65_535, size - 1].filter((i) => i < size)))
      await verify(size, index)
  })

  it('refuses another entry and another checkpoint', async () => {
    await expect(verify(257, 3, { body: Buffer.from('{"entry":4}') })).rejects.toThrow('root hash')
    const larger = (note: string) => note.replace('\n257\n', '\n258\n')
    await expect(verify(257, 3, { note: larger })).rejects.toThrow('signature')
  })
})
