import type { Command } from 'commander'
import type { CliIo } from './print.ts'
import { addRegistryApiKeyCommands } from './registry/api-keys.ts'
import { addRegistryCaCommands } from './registry/ca.ts'
import { addRegistryInitCommand } from './registry/init.ts'
import { addRegistryServeCommand } from './registry/serve.ts'
import { addRegistrySubjectCommands } from './registry/subjects.ts'

const HELP = `
Examples:
  $ capiscio registry init --issuer https://registry.example.com --data /var/lib/capiscio-registry
  $ capiscio registry serve --data /var/lib/capiscio-registry

Commands other than serve work on the registry's files, also while it runs. See docs/registry.md.
`

/** `capiscio registry`: the self-hosted registry, which issues badges. */
export function addRegistryCommand(program: Command, io: CliIo): void {
  const registry = program
    .command('registry')
    .description("run and look after a registry of one's own")
    .addHelpText('after', HELP)
  addRegistryServeCommand(registry, io)
  addRegistryInitCommand(registry, io)
  addRegistrySubjectCommands(registry, 'agent', io)
  addRegistrySubjectCommands(registry, 'server', io)
  addRegistryApiKeyCommands(registry, io)
  addRegistryCaCommands(registry, io)
}
