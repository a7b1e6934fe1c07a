import { createNodeEd25519Signer, createNodeEd25519Verifier } from '../../adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../../adapters/crypto/system-random.ts'
import { createLogger } from '../../adapters/telemetry/logger.ts'
import { createMetrics } from '../../adapters/telemetry/metrics.ts'
import { createTelemetry } from '../../adapters/telemetry/telemetry.ts'
import { systemClock } from '../../adapters/time/system-clock.ts'
import { systemTimer } from '../../adapters/time/system-timer.ts'
import { loadConfig } from '../../config/load-config.ts'
import { type OpenEvidenceOptions, type OpenedEvidence, openEvidence } from '../../setup/evidence/open-evidence.ts'
import type { CliIo } from '../print.ts'

/** Where the configuration is, and the state folder if not there. */
export interface StateFlags {
  readonly config?: string
  readonly stateDir?: string
}

/**
 * Opens a log for a command that writes to it. No core may have it open.
 *
 * @throws {LogDirectoryRefused} LOG_LOCKED while a core writes it, and as `openEvidence`
 * @throws {EvidenceRefused} when it is not what was written
 */
export async function openForWriting(
  { location, startEmpty }: Pick<OpenEvidenceOptions, 'location' | 'startEmpty'>,
  { config, stateDir }: StateFlags,
  io: CliIo,
): Promise<OpenedEvidence> {
  const given = { ...(config !== undefined && { config }), ...(stateDir !== undefined && { stateDir }) }
  const { config: decided } = loadConfig({ command: 'serve', flags: given, env: io.env })
  const { anchorTo } = decided.evidence
  return openEvidence({
    ...{ location, startEmpty, stateDir: decided.stateDir },
    ...(anchorTo !== undefined && { anchorTo }),
    verifier: createNodeEd25519Verifier({ maxKeys: 64 }),
    createSigner: createNodeEd25519Signer,
    random: systemRandom,
    clock: systemClock,
    timer: systemTimer,
    telemetry: createTelemetry(createLogger({ level: 'warn', pretty: io.stderrIsTty }), createMetrics()),
  })
}
