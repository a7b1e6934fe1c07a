import type { Command } from 'commander'
import { SCOPES } from '../../domain/registry/api-keys.ts'
import { apiKeyBody, DEFAULT_ACCOUNT } from '../../service/registry/api-key-routes.ts'
import { type CliIo, printJson, printTable } from '../print.ts'
import { exampleHelp, placeOptions, type RegistryCommandFlags, withRegistry } from './with-registry.ts'

const OPERATOR = { kind: 'operator', accountId: DEFAULT_ACCOUNT } as const

/** What an SDK needs to register its server and to have badges. */
const DEFAULT_SCOPES = ['agents:write', 'servers:write', 'badges:issue']

const HELP = `
Example:
  $ KEY=$(capiscio registry apikey create ci --account team-a)

The key goes to standard output, everything else to standard error.
Exit codes: 0 made, 1 refused, 2 wrong usage.
`

/** `capiscio registry apikey`: who may use the registry's API. */
export function addRegistryApiKeyCommands(registry: Command, io: CliIo): void {
  const group = registry.command('apikey').description("make and revoke keys for the registry's API")

  placeOptions(group.command('create').description('make an API key'))
    .argument('<name>', 'who the key stands for; records name the caller apikey:NAME')
    .option('--account <name>', 'whose agents and servers it may handle', DEFAULT_ACCOUNT)
    .option('--scope <scope...>', `what it may do: ${SCOPES.join(', ')}`, DEFAULT_SCOPES)
    .addHelpText('after', HELP)
    .action(
      (name: string, flags: RegistryCommandFlags & { readonly account: string; readonly scope: readonly string[] }) =>
        withRegistry(flags, io, async ({ accessKeys }) => {
          const wanted = { name, accountId: flags.account, scopes: flags.scope }
          const { key, stored } = await accessKeys.create(OPERATOR, wanted)
          if (flags.json) {
            printJson(io, { ...apiKeyBody(stored), key })
            return
          }
          io.stderr('The key, which is shown only now. Hand it to the caller and to nobody else:\n\n')
          io.stdout(`${key}\n`)
        }),
    )

  placeOptions(group.command('list').description('list the API keys, without the keys'))
    .addHelpText('after', exampleHelp('apikey list'))
    .action((flags: RegistryCommandFlags) =>
      withRegistry(flags, io, async ({ accessKeys }) => {
        const bodies = (await accessKeys.list(OPERATOR)).map(apiKeyBody)
        if (flags.json) {
          printJson(io, bodies)
          return
        }
        const rows = bodies.map((key) => [key.name, key.account, key.revokedAt ?? 'valid', key.scopes.join(' ')])
        printTable(io, [['NAME', 'ACCOUNT', 'REVOKED', 'SCOPES'], ...rows])
      }),
    )

  placeOptions(group.command('revoke').description('make an API key worthless at once'))
    .argument('<name>', 'name of the key')
    .addHelpText('after', exampleHelp('apikey revoke ci'))
    .action((name: string, flags: RegistryCommandFlags) =>
      withRegistry(flags, io, async ({ accessKeys }) => {
        await accessKeys.revoke(OPERATOR, name)
        if (flags.json) printJson(io, { name, revoked: true })
        else io.stdout(`${name} is revoked.\n`)
      }),
    )
}
