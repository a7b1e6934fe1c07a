import type { Command } from 'commander'
import { ownerOf, parseTrustedIssuer } from '../domain/trust/trusted-key.ts'
import { type CliIo, printJson, printTable } from './print.ts'
import { InputRefused } from './read-input.ts'
import { refusing } from './refusing.ts'
import { describeTrustedKey } from './trust-add.ts'
import { storeOf, type TrustStoreFlags, trustStoreOptions } from './trust-store-option.ts'

const HELP = `
Examples:
  $ capiscio trust remove ca-2025-01 --issuer https://registry.example.com
  $ capiscio trust remove did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw

Running cores notice within seconds. Keys that a configuration names are not here.
Exit codes: 0 removed; 1 no such key, or one kid of several issuers; 2 wrong usage.
`

interface RemoveFlags extends TrustStoreFlags {
  readonly issuer?: string
  readonly json: boolean
}

/** `capiscio trust remove` */
export function addTrustRemoveCommand(trust: Command, io: CliIo): void {
  trustStoreOptions(
    trust
      .command('remove')
      .description('remove a pinned key')
      .argument('<key>', 'kid of an issuer key, or the did:key of an agent')
      .option('--issuer <origin>', 'whose key it is, where several issuers use one kid'),
  )
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((name: string, flags: RemoveFlags) => refusing(io, flags.json, () => remove(name, flags, io)))
}

async function remove(name: string, flags: RemoveFlags, io: CliIo): Promise<void> {
  const store = storeOf(flags, io)
  const { issuerKeys, agentKeys } = await store.look()
  const issuer = flags.issuer === undefined ? undefined : parseTrustedIssuer(flags.issuer)
  const named = [
    ...issuerKeys.filter((key) => key.kid === name && (issuer === undefined || key.issuer === issuer)),
    ...agentKeys.filter(({ did }) => did === name && issuer === undefined),
  ]
  const [key, ...others] = named
  if (key === undefined) throw new InputRefused('No such key is pinned: "capiscio trust list" shows which are')
  if (others.length > 0) {
    throw new InputRefused(`Several keys have this name: say whose with --issuer. ${named.map(ownerOf).join(', ')}`)
  }
  if (!(await store.remove(key))) throw new InputRefused('The key was removed a moment ago by somebody else')
  if (flags.json) printJson(io, { removed: describeTrustedKey(key) })
  else printTable(io, [['removed', ownerOf(key), ...(key.kind === 'issuer' ? [key.kid] : [])]])
}
