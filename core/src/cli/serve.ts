import { type Command, Option } from 'commander'
import { createLogger } from '../adapters/telemetry/logger.ts'
import { LOG_LEVELS } from '../config/config.ts'
import type { ConfigFlags, CoreCommand } from '../config/config-flags.ts'
import { loadConfig } from '../config/load-config.ts'
import type { CliIo } from './print.ts'
import { runUntilStopped } from './run-until-stopped.ts'

const SERVE_HELP = `
Example:
  $ capiscio serve --config capiscio.yaml --listen 127.0.0.1:50051

Exit codes: 0 stopped as asked, 1 refused to start, 2 wrong usage, 3 the evidence log is not what was written.
`

const RPC_HELP = `
Example:
  $ capiscio rpc --address localhost:50051

Started by SDKs. Reads its configuration from the environment and logs to a file in the state folder.
Exit codes: as for serve.
`

/** `capiscio serve`, also `capiscio mcp serve`: run a core until it is told to stop. */
export function addServeCommand(program: Command, io: CliIo): void {
  configOptions(program.command('serve').description('run a core'))
    .option('--listen <address>', 'gRPC on HOST:PORT or unix:/PATH (default: 127.0.0.1:50051)')
    .addHelpText('after', SERVE_HELP)
    .action((flags: ConfigFlags) => serve('serve', flags, io))
}

/** `capiscio rpc`: the same for SDKs that start their own core. */
export function addRpcCommand(program: Command, io: CliIo): void {
  configOptions(program.command('rpc').description('run a core for the SDK that starts it'))
    .option('--address <address>', 'gRPC on HOST:PORT')
    .addHelpText('after', RPC_HELP)
    .action((flags: ConfigFlags) => serve('rpc', flags, io))
}

/** The flags that every command which runs a core has. */
export function configOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file')
    .option('--profile <name>', 'connected-prod, air-gapped or dev')
    .option('--socket <path>', 'gRPC on a Unix socket')
    .option('--http <address>', 'web listener (Connect, gRPC-Web, health, metrics) on HOST:PORT, or none')
    .option('--allow-origin <origin...>', 'let pages of this origin call from a browser')
    .option('--state-dir <dir>', 'home of keys, outside the evidence')
    .option('--evidence-log <dir>', 'write exactly this evidence log')
    .option('--trust-store <dir>', 'folder of pinned keys')
    .option('--policy <file>', 'policy file')
    .addOption(new Option('--log-level <level>', 'what to log').choices([...LOG_LEVELS]))
    .option('--log-file <file>', 'log there instead of to standard error')
    .option('--tls-cert <file>', 'certificate of the TCP and web listeners, PEM')
    .option('--tls-key <file>', 'its private key, PEM, readable by its owner only')
    .option('--tls-client-ca <file>', 'authorities whose clients are let in, PEM')
    .option('--token-file <file>', 'tokens of which callers over TCP must show one')
    .option('--insecure', 'allow plaintext beyond loopback')
}

async function serve(command: CoreCommand, flags: ConfigFlags, io: CliIo): Promise<void> {
  const { config, warnings } = loadConfig({ command, flags, env: io.env })
  const logger = createLogger({
    level: config.logLevel,
    pretty: io.stderrIsTty,
    ...(config.logFile !== undefined && { file: config.logFile }),
  })
  for (const { source, message } of warnings) logger.warn({ event: 'warning', code: 'CONFIG', source }, message)
  await runUntilStopped({
    config,
    logger,
    exitWithStdin: io.env.CAPISCIO_EXIT_WITH_STDIN === '1',
    reloadOnHangup: command === 'serve',
  })
}
