import type { Command } from 'commander'
import { systemRandom } from '../adapters/crypto/system-random.ts'
import { checkApiKeyName, createApiKey } from '../domain/guard/api-keys.ts'
import { type CliIo, printJson } from './print.ts'

const EXAMPLE = `
Example:
  $ capiscio apikey create ci-runner

The key goes to standard output, everything else to standard error:
  $ KEY=$(capiscio apikey create ci-runner)

Exit codes: 0 made, 2 wrong usage.
`

/** `capiscio apikey`: keys for callers without a badge. */
export function addApiKeyCommand(program: Command, io: CliIo): void {
  const apikey = program.command('apikey').description('make keys for callers without a badge')
  apikey
    .command('create')
    .description('make an API key and the configuration entry for it')
    .argument('<name>', 'who the key stands for; records name the caller apikey:NAME')
    .option('--json', 'print JSON', false)
    .addHelpText('after', EXAMPLE)
    .action((name: string, { json }: { json: boolean }, command: Command) => {
      const problem = checkApiKeyName(name)
      if (problem !== undefined) command.error(`error: ${problem}.`, { exitCode: 2, code: 'capiscio.apiKeyName' })
      const { key, entry } = createApiKey(name, systemRandom)
      if (json) {
        printJson(io, { key, entry, principal: `apikey:${name}` })
        return
      }
      io.stderr('The key, which is shown only now. Hand it to the caller and to nobody else:\n\n')
      io.stdout(`${key}\n`)
      // Quoted: a name may look like a number or a truth value.
      io.stderr(`
For the configuration file of the core:

apiKeys:
  - name: "${entry.name}"
    hash: "${entry.hash}"
`)
    })
}
