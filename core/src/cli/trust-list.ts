import type { Command } from 'commander'
import { type CliIo, printable, printJson, printTable } from './print.ts'
import { refusing } from './refusing.ts'
import { describeTrustedKey } from './trust-add.ts'
import { storeOf, type TrustStoreFlags, trustStoreOptions } from './trust-store-option.ts'

const HELP = `
Example:
  $ capiscio trust list

Warns of files that are there and do not count.
Exit codes: 0 listed, 1 not readable, 2 wrong usage.
`

type ListFlags = TrustStoreFlags & { readonly json: boolean }

/** `capiscio trust list` */
export function addTrustListCommand(trust: Command, io: CliIo): void {
  trustStoreOptions(trust.command('list').description('show the pinned keys'))
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: ListFlags) => refusing(io, flags.json, () => list(flags, io)))
}

async function list(flags: ListFlags, io: CliIo): Promise<void> {
  const { issuerKeys, agentKeys, problems } = await storeOf(flags, io).look()
  const keys = [...issuerKeys, ...agentKeys].map(describeTrustedKey)
  if (flags.json) {
    printJson(io, { keys, problems })
    return
  }
  if (keys.length === 0) io.stderr('No key is pinned. See: capiscio trust add --help\n')
  const rows = keys.map(({ issuer, did, kid = '', addedAt = '' }) => [
    issuer === undefined ? 'agent' : 'issuer',
    issuer ?? did ?? '',
    issuer === undefined ? '' : kid,
    addedAt.slice(0, 'YYYY-MM-DD'.length),
  ])
  if (rows.length > 0) printTable(io, [['KIND', 'WHOSE', 'KID', 'ADDED'], ...rows])
  for (const { name, reason } of problems)
    io.stderr(`warning: ${printable(name)} does not count: ${printable(reason)}\n`)
}
