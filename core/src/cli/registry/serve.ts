import { type Command, Option } from 'commander'
import { createLogger } from '../../adapters/telemetry/logger.ts'
import { LOG_LEVELS } from '../../config/config.ts'
import { decideRegistry } from '../../config/decide-registry.ts'
import { startRegistry } from '../../registry.ts'
import type { CliIo } from '../print.ts'
import { runService } from '../run-until-stopped.ts'
import { placeOptions, type RegistryCommandFlags } from './with-registry.ts'

const HELP = `
Example:
  $ capiscio registry serve --data /var/lib/capiscio-registry --listen 127.0.0.1:8787 --behind-proxy

Exit codes: 0 stopped as asked, 1 refused to start, 2 wrong usage, 3 the evidence log is not what was written.
`

/** `capiscio registry serve`: run a registry until it is told to stop. */
export function addRegistryServeCommand(registry: Command, io: CliIo): void {
  placeOptions(registry.command('serve').description('run the registry'))
    .option('--listen <address>', 'HTTP on HOST:PORT (default: 127.0.0.1:8787)')
    .option('--issuer <origin>', 'HTTPS origin that badges name; must be that of the registry')
    .option('--ca-key <file>', 'a private JWK that must be among the CA keys')
    .option('--tls-cert <file>', 'serve HTTPS with this certificate (PEM)')
    .option('--tls-key <file>', 'private key of the certificate (PEM)')
    .option('--behind-proxy', "take the client's address from X-Forwarded-For")
    .option('--require-mode', 'refuse requests for badges that do not say their mode')
    .option('--badges-per-hour <number>', 'badges for one subject in one hour (default: 100)')
    .option('--insecure', 'allow plaintext beyond loopback')
    .addOption(new Option('--log-level <level>', 'what to log').choices([...LOG_LEVELS]))
    .option('--log-file <file>', 'log there instead of to standard error')
    .addHelpText('after', HELP)
    .action((flags: RegistryCommandFlags) => serve(flags, io))
}

async function serve(flags: RegistryCommandFlags, io: CliIo): Promise<void> {
  const { config, warnings } = decideRegistry({ flags, env: io.env, cwd: process.cwd() })
  const { logLevel: level, logFile: file, shutdownGraceMs } = config
  const logger = createLogger({ level, pretty: io.stderrIsTty, ...(file !== undefined && { file }) })
  for (const { source, message } of warnings) logger.warn({ event: 'warning', code: 'CONFIG', source }, message)
  await runService({
    start: () => startRegistry(config, logger),
    shutdownGraceMs,
    exitWithStdin: io.env.CAPISCIO_EXIT_WITH_STDIN === '1',
    onStarted({ url, issuer, jwksUrl, evidence }) {
      if (flags.json) io.stdout(`${JSON.stringify({ url, issuer, jwksUrl, evidence })}\n`)
    },
  })
}
