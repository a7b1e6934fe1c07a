import type { Command } from 'commander'
import { systemClock } from '../adapters/time/system-clock.ts'
import { loadConfig } from '../config/load-config.ts'
import type { TrustStore } from '../domain/trust/trust-store.ts'
import { openTrustStore } from '../setup/trust/open-trust.ts'
import type { CliIo } from './print.ts'

export interface TrustStoreFlags {
  readonly config?: string
  readonly trustStore?: string
}

/** The flags of every command that uses the trust store. */
export function trustStoreOptions(command: Command): Command {
  return command
    .option('--trust-store <dir>', 'folder of pinned keys (default: CAPISCIO_TRUST_PATH, or ~/.capiscio/trust)')
    .option('--config <file>', 'configuration file whose trust.storePath is meant')
}

/**
 * The store that a core with the same configuration would use.
 *
 * @throws {ConfigRefused}
 */
export function storeOf(flags: TrustStoreFlags, { env }: CliIo): TrustStore {
  const { config } = loadConfig({ command: 'serve', flags, env })
  return openTrustStore(config.trust, systemClock.nowMs)
}
