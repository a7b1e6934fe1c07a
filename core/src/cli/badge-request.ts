import { resolve } from 'node:path'
import type { Command } from 'commander'
import { writeBadgeFile } from './badge-file.ts'
import {
  type BadgeRequestFlags,
  badgeFacts,
  badgeRequestOptions,
  decideBadgeRequest,
  describeBadge,
} from './badge-terms.ts'
import { type CliIo, printJson } from './print.ts'
import { refusing } from './refusing.ts'
import { openRegistryClient, type RegistryAccessFlags, registryOptions } from './registry-option.ts'

const HELP = `
Examples:
  $ export CAPISCIO_API_KEY=… CAPISCIO_CA_URL=https://registry.example.com
  $ capiscio badge request --agent-id billing --ttl 5m > badge.jwt
  $ capiscio badge request --pop --did did:web:registry.example.com:agents:billing --key private.jwk --out badge.jwt

Asks a registry for one badge. Without --pop on the word of the account (IAL-0); with it, for a
proof that the private key is here (IAL-1). Nothing is asked by default: name the registry.
The badge goes to standard output or to --out, everything else to standard error.
Exit codes: 0 given, 1 refused or not reachable, 2 wrong usage.
`

interface RequestFlags extends BadgeRequestFlags, RegistryAccessFlags {
  readonly out?: string
  readonly json: boolean
}

/** `capiscio badge request` */
export function addBadgeRequestCommand(badge: Command, io: CliIo): void {
  registryOptions(badgeRequestOptions(badge.command('request').description('ask a registry for a badge')))
    .option('--out <file>', 'write the badge there, for you only, instead of to standard output')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: RequestFlags) => refusing(io, flags.json, () => request(flags, io)))
}

async function request(flags: RequestFlags, io: CliIo): Promise<void> {
  const ask = await decideBadgeRequest(flags, io)
  await using registry = openRegistryClient(flags, io)
  const badge = await ask(registry.client)
  if (flags.out !== undefined) await writeBadgeFile(resolve(flags.out), badge.token)
  if (flags.json) {
    printJson(io, { ...(flags.out === undefined && { token: badge.token }), ...badgeFacts(badge) })
    return
  }
  if (flags.out === undefined) io.stdout(`${badge.token}\n`)
  io.stderr(`${describeBadge(badge)}\n`)
}
