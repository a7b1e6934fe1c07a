import { relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { createLogger } from '../adapters/telemetry/logger.ts'
import type { ConfigFlags } from '../config/config-flags.ts'
import { loadConfig } from '../config/load-config.ts'
import type { Core } from '../core.ts'
import { prepareDevFolder } from './dev/dev-folder.ts'
import { holdDevFolder } from './dev/dev-holder.ts'
import { startDevRegistry } from './dev/dev-registry.ts'
import { devScreen } from './dev/dev-screen.ts'
import type { CliIo } from './print.ts'
import { runUntilStopped } from './run-until-stopped.ts'

const HELP = `
Example:
  $ capiscio dev --dir .capiscio-dev

Taken ports are replaced by free ones. Exit codes: as for serve.
`

interface DevFlags extends ConfigFlags {
  readonly dir: string
  readonly json: boolean
}

/** `capiscio dev`: a core with everything that is needed to try it, on loopback. */
export function addDevCommand(program: Command, io: CliIo): void {
  program
    .command('dev')
    .description('run a core for trying things out, with a registry, example badges, an API key and a policy')
    .option('--dir <dir>', 'where everything is kept', '.capiscio-dev')
    .option('--listen <address>', 'gRPC on HOST:PORT (default: 127.0.0.1:50051)')
    .option('--http <address>', 'web listener on HOST:PORT (default: 127.0.0.1:50052)')
    .option('--allow-origin <origin...>', 'let pages of this origin call from a browser')
    .option('--policy <file>', 'policy file (default: policy.yaml in the folder)')
    .option('--log-level <level>', 'what to log', 'warn')
    .option('--json', 'print where it listens as one line of JSON', false)
    .addHelpText('after', HELP)
    .action((flags: DevFlags) => dev(flags, io))
}

async function dev({ dir, json, ...flags }: DevFlags, io: CliIo): Promise<void> {
  const holder = await holdDevFolder(resolve(dir))
  try {
    const folder = await prepareDevFolder(resolve(dir), Date.now())
    // The development core is what its own folder says, whatever the environment holds.
    const env = { HOME: io.env.HOME }
    const registryLogger = createLogger({ level: 'warn', pretty: io.stderrIsTty })
    const freePort = flags.listen?.endsWith(':0') === true
    await using registry = await startDevRegistry(folder.path, folder.keys, freePort, registryLogger)
    await folder.configure(registry.url)
    const { config } = loadConfig({ command: 'dev', flags: { ...flags, config: folder.configFile }, env })
    const logger = createLogger({ level: config.logLevel, pretty: io.stderrIsTty })
    const onStarted = (core: Core): void => {
      holder.tell(core.addresses, registry.url)
      if (json)
        io.stdout(
          `${JSON.stringify({ addresses: core.addresses, evidence: core.evidence, folder: folder.path, registry: registry.url })}\n`,
        )
      else
        io.stdout(
          devScreen({
            folder,
            core,
            registryUrl: registry.url,
            wanted: config.listen,
            shown: typed(folder.path),
            policy: typed(config.policyFile ?? folder.policyFile),
            color: io.stdoutIsTty,
          }),
        )
    }
    await runUntilStopped({ config, logger, exitWithStdin: false, onStarted })
    if (!json) io.stdout('\nStopped. Everything is kept for the next start.\n')
  } finally {
    holder.release()
  }
}

/** A path as a person would type it here. */
function typed(path: string): string {
  return relative(process.cwd(), path) || '.'
}
