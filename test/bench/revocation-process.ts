import { randomFillSync, randomUUID } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createFileRevocationStore } from '../../core/src/adapters/revocation/file-revocation-store.ts'
import { systemClock } from '../../core/src/adapters/time/system-clock.ts'
import { MAX_ENTRIES } from '../../core/src/domain/revocation/issuer-revocations.ts'
import { openRevocationList } from '../../core/src/domain/revocation/revocation-list.ts'
import { createRevocationSet } from '../../core/src/domain/revocation/revocation-set.ts'
import type { RevocationMeasurement } from './ten-million-revocations.ts'

const ISSUER = 'https://registry.example.com'
/** Room is left for what is added. */
const ENTRIES = MAX_ENTRIES - 1_000
const PIECE = 65_536
const LOOKUPS = 1_000_000

async function write(place: string): Promise<void> {
  using store = createFileRevocationStore(place)
  const set = createRevocationSet(MAX_ENTRIES)
  for (let left = ENTRIES; left > 0; left -= PIECE) {
    set.addPacked(randomFillSync(new Uint8Array(16 * Math.min(left, PIECE))))
  }
  await store.save(ISSUER, { all: set.packed() }, { syncedAtMs: Date.now(), others: [] })
}

async function load(place: string): Promise<RevocationMeasurement> {
  using store = createFileRevocationStore(place)
  const before = residentMiB()
  const pauses = monitorEventLoopDelay({ resolution: 5 })
  pauses.enable()
  const startedMs = performance.now()
  const options = { issuer: ISSUER, store, clock: systemClock, clockSkewMs: 60_000, maxEntries: MAX_ENTRIES }
  const list = await openRevocationList(options)
  const loadSeconds = (performance.now() - startedMs) / 1000
  pauses.disable()
  const after = residentMiB()

  const asked = [...list.set.list(LOOKUPS / 2).ids, ...Array.from({ length: LOOKUPS / 2 }, () => randomUUID())]
  const lookupsStartedMs = performance.now()
  let found = 0
  for (const id of asked) if (list.has(id)) found++
  const lookupSeconds = (performance.now() - lookupsStartedMs) / 1000
  if (found !== LOOKUPS / 2) throw new Error(`${found} of ${LOOKUPS / 2} revocations were found`)

  const more = Array.from({ length: 1_000 }, () => randomUUID())
  const addStartedMs = performance.now()
  for (const id of more) list.add(id)
  return {
    entries: list.set.size,
    loadSeconds,
    longestPauseMs: pauses.max / 1e6,
    heldBytesEach: list.set.heldBytes / list.set.size,
    residentMiB: after - before,
    lookupsPerSecond: LOOKUPS / lookupSeconds,
    addMicrosEach: performance.now() - addStartedMs,
  }
}

function residentMiB(): number {
  globalThis.gc?.()
  return process.memoryUsage().rss / 1024 / 1024
}

const [what, place = ''] = process.argv.slice(2)
if (what === 'write') await write(place)
else process.stdout.write(JSON.stringify(await load(place)))
