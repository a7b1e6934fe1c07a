import { afterAll, afterEach, describe } from 'vitest'
import { createNodeEd25519Verifier } from '../../core/src/adapters/crypto/node-ed25519.ts'
import type { EvidenceReader } from '../../core/src/ports/evidence-reader.ts'
import { openEvidenceReader } from '../../core/src/setup/evidence/open-evidence-reader.ts'
import { createManualTimer } from '../fakes/manual-timer.ts'
import { createMemoryEvidence } from '../fakes/memory-evidence-reader.ts'
import { createEvidencePlace, openAt, removeEvidencePlaces } from '../tools/evidence-place.ts'
import { evidenceReaderContract } from './evidence-reader.contract.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const log of open.splice(0)) await log.close()
})
afterAll(removeEvidencePlaces)

describe('in memory', () => {
  evidenceReaderContract(async () => {
    const { reader, append } = createMemoryEvidence()
    return { reader, append: async (leaves) => leaves.forEach(append) }
  })
})

describe('a log that is being written, nothing of it published', () => {
  evidenceReaderContract(async () => {
    const { log, reader } = await openAt(createEvidencePlace(), { timer: createManualTimer() })
    open.push(log)
    return { reader, append: async (leaves) => void (await Promise.all(leaves.map((leaf) => log.append(leaf)))) }
  })
})

describe('a log that is opened, written and closed each time', () => {
  evidenceReaderContract(async () => {
    const place = createEvidencePlace()
    const first = await openAt(place)
    await first.log.close()
    const look = () => openEvidenceReader(place.directory, createNodeEd25519Verifier({ maxKeys: 4 }))
    let current = await look()
    const reader: EvidenceReader = {
      origin: current.origin,
      vkey: current.vkey,
      get size() {
        return current.size
      },
      checkpoint: () => current.checkpoint(),
      entries: (from, to) => current.entries(from, to),
      inclusionProof: (index, size) => current.inclusionProof(index, size),
      consistencyProof: (from, to) => current.consistencyProof(from, to),
    }
    return {
      reader,
      async append(leaves) {
        const { log } = await openAt(place)
        await Promise.all(leaves.map((leaf) => log.append(leaf)))
        await log.close()
        current = await look()
      },
    }
  })
})
