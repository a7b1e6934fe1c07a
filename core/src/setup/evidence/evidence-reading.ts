import { join } from 'node:path'
import { readPublicFile } from '../../adapters/evidence/public-file.ts'
import { createThreadedIndex } from '../../adapters/evidence-index/threaded-index.ts'
import { makeDirectoryDurably } from '../../adapters/files/durable-write.ts'
import type { EvidenceLog } from '../../domain/evidence/evidence-log.ts'
import { createEvidenceSearch } from '../../domain/evidence/evidence-search.ts'
import { createIndexFollower } from '../../domain/evidence/index-follower.ts'
import type { LogReader } from '../../domain/evidence/log-reader.ts'
import { createOpenCalls, type OpenCalls } from '../../domain/evidence/open-calls.ts'
import { createOutcomeRecorder } from '../../domain/evidence/outcome-recorder.ts'
import { parseTilePath, TILE_WIDTH } from '../../domain/evidence/tile-path.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { createEvidenceService } from '../../service/evidence-service.ts'
import { createWatchEntries } from '../../service/watch-entries.ts'
import type { EvidenceFiles } from '../../transport/evidence-files.ts'

/** Allowed calls that are remembered for their outcome, at some 600 bytes each. */
const MAX_OPEN_CALLS = 16_384

/** Home of the indexes inside the state folder, a file for each log. */
const INDEX_FOLDER = 'evidence-index'

export interface EvidenceReadingOptions {
  readonly log: EvidenceLog
  /** Reads the same log. */
  readonly reader: LogReader
  /** Canonical path of the log folder. */
  readonly directory: string
  readonly stateDir: string
  readonly clock: Clock
  readonly random: Random
  readonly telemetry: Telemetry
  readonly coreVersion: string
}

export interface EvidenceReading {
  readonly service: ReturnType<typeof createEvidenceService>
  /** Allowed calls whose outcome may come: the guard tells of them. */
  readonly openCalls: OpenCalls
  readonly files: EvidenceFiles
  /** Ends the index. After the log was closed, so that it cannot keep that from happening. */
  close(): Promise<void>
}

/** Everything that reads the log of a running core: index, service, public files. */
export async function openEvidenceReading(options: EvidenceReadingOptions): Promise<EvidenceReading> {
  const { log, reader, directory, stateDir, clock, random, telemetry, coreVersion } = options
  const name = log.origin.slice(log.origin.lastIndexOf('/') + 1)
  const folder = join(stateDir, INDEX_FOLDER)
  await makeDirectoryDurably(folder)
  const index = createThreadedIndex(join(folder, `${name}.sqlite`))
  const follower = createIndexFollower({ log, reader, index, clock, telemetry })
  const search = createEvidenceSearch({ reader, index, follower })
  const openCalls = createOpenCalls(MAX_OPEN_CALLS)
  const outcomes = createOutcomeRecorder({ log, search, openCalls, clock, random, telemetry, coreVersion })
  return {
    service: createEvidenceService({ reader, search, outcomes, watch: createWatchEntries({ log, reader }) }),
    openCalls,
    files: { name, read: (path) => readEvidenceFile(directory, path) },
    close: () => follower.close(),
  }
}

/** Only what the grammar of public paths names; everything else in the folder does not exist here. */
async function readEvidenceFile(directory: string, path: string): ReturnType<EvidenceFiles['read']> {
  const tile = parseTilePath(path)
  const kind = path === 'checkpoint' ? 'checkpoint' : tile?.kind
  if (kind === undefined) return undefined
  const bytes = await readPublicFile(directory, path)
  return bytes && { kind, full: tile?.width === TILE_WIDTH, bytes }
}
