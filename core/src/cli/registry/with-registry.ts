import type { Command } from 'commander'
import { LogDirectoryRefused } from '../../adapters/evidence/log-directory-refused.ts'
import { createLogger } from '../../adapters/telemetry/logger.ts'
import { createMetrics } from '../../adapters/telemetry/metrics.ts'
import { createTelemetry } from '../../adapters/telemetry/telemetry.ts'
import { decideRegistry } from '../../config/decide-registry.ts'
import type { RegistryConfig, RegistryFlags } from '../../config/registry-config.ts'
import { joinRegistry, openRegistry, type RegistryParts } from '../../setup/registry/open-registry.ts'
import type { CliIo } from '../print.ts'

/** What every command that works on the registry's files has. */
export interface RegistryCommandFlags extends RegistryFlags {
  readonly json: boolean
}

/** Where the registry's files are. */
export function placeOptions(command: Command): Command {
  return command
    .option('--data <dir>', 'home of the registry (default: ~/.capiscio/core/registry)')
    .option('--database <file>', 'SQLite file (default: registry.db in the home)')
    .option('--json', 'print JSON', false)
}

/** The registry's configuration, from flags and environment. */
export function registryConfig(flags: RegistryFlags, io: CliIo): RegistryConfig {
  return decideRegistry({ flags, env: io.env, cwd: process.cwd() }).config
}

/**
 * Runs `work` on an existing registry: as its only process, or beside the one that serves.
 * Either way the records of what changed are in the evidence log before this returns.
 */
export async function withRegistry<T>(
  flags: RegistryCommandFlags,
  io: CliIo,
  work: (registry: RegistryParts, config: RegistryConfig) => Promise<T>,
): Promise<T> {
  const config = registryConfig(flags, io)
  const telemetry = createTelemetry(createLogger({ level: 'warn', pretty: io.stderrIsTty }), createMetrics())
  const registry = await openRegistry(config, telemetry).catch((error: unknown) => {
    if (error instanceof LogDirectoryRefused && error.code === 'LOG_LOCKED') return joinRegistry(config, telemetry)
    throw error
  })
  try {
    return await work(registry, config)
  } finally {
    await registry.close()
  }
}

/** What the help of a registry command ends with. */
export function exampleHelp(line: string): string {
  return `
Example:
  $ capiscio registry ${line}

Exit codes: 0 done, 1 refused, 2 wrong usage.
`
}
