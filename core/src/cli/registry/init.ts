import type { Command } from 'commander'
import { initRegistry } from '../../setup/registry/init-registry.ts'
import { type CliIo, printJson } from '../print.ts'
import { placeOptions, type RegistryCommandFlags, registryConfig } from './with-registry.ts'

const HELP = `
Example:
  $ capiscio registry init --issuer https://registry.example.com --data /var/lib/capiscio-registry

The first API key goes to standard output, everything else to standard error.
Exit codes: 0 made, 1 refused, 2 wrong usage.
`

/** `capiscio registry init`: make a registry, its first CA key and its first API key. */
export function addRegistryInitCommand(registry: Command, io: CliIo): void {
  placeOptions(registry.command('init').description('make a registry, with its CA key and an API key for its operator'))
    .option('--issuer <origin>', 'HTTPS origin that badges name; it never changes')
    .option('--ca-key <file>', 'take this CA key over (a private Ed25519 JWK) instead of making one')
    .addHelpText('after', HELP)
    .action((flags: RegistryCommandFlags, command: Command) => init(flags, command, io))
}

async function init(flags: RegistryCommandFlags, command: Command, io: CliIo): Promise<void> {
  const { issuer, ...config } = registryConfig(flags, io)
  if (issuer === undefined) {
    command.error(
      'error: --issuer is missing: the HTTPS origin that badges are to name, such as https://registry.example.com.',
      {
        exitCode: 2,
        code: 'capiscio.registryIssuer',
      },
    )
    return
  }
  const made = await initRegistry({ ...config, issuer })
  if (flags.json) {
    printJson(io, { ...made, data: config.dataDir, database: config.databaseFile })
    return
  }
  io.stderr(`A registry for ${issuer} is in ${config.dataDir}, with the CA key ${made.caKid}.\n`)
  io.stderr('Its API key for administrators, shown only now:\n\n')
  io.stdout(`${made.adminKey}\n`)
}
