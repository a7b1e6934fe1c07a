import { resolve } from 'node:path'
import { defaultKid, RegistrationError, type RegistryClient, type RegistrySubject } from '@capiscio/proto/registry'
import type { Command } from 'commander'
import { toDidKey } from '../domain/did/did-key.ts'
import { toPublicKeyPem } from '../domain/did/key-pem.ts'
import type { Ed25519Signer } from '../ports/ed25519.ts'
import { writeBadgeFile } from './badge-file.ts'
import { badgeFacts, describeBadge } from './badge-terms.ts'
import { openIdentityFolder } from './identity-folder.ts'
import { type CliIo, printJson, printTable } from './print.ts'
import { InputRefused } from './read-input.ts'
import { refusing } from './refusing.ts'
import { openRegistryClient, type RegistryAccessFlags, registryOptions } from './registry-option.ts'

const HELP = `
Examples:
  $ export CAPISCIO_API_KEY=… CAPISCIO_CA_URL=https://registry.example.com
  $ capiscio init --server-id files --out ./identity
  $ capiscio init --agent-id billing --create --name "Billing" --json

Makes a key, registers it with a proof of possession, asks for the first badge, and says what to
put into the environment. Nothing is replaced: a key that is there is used, so that a run that
was interrupted can be repeated. Files: private_key.pem (only for you), public_key.pem, did.txt,
badge.jwt.
Exit codes: 0 done, 1 refused or not reachable, 2 wrong usage.
`

interface InitFlags extends RegistryAccessFlags {
  readonly agentId?: string
  readonly serverId?: string
  readonly create: boolean
  readonly name?: string
  readonly out: string
  readonly badge: boolean
  readonly json: boolean
}

/** `capiscio init`: an identity from nothing to the first badge. */
export function addInitCommand(program: Command, io: CliIo): void {
  registryOptions(program.command('init').description('make a key, register it, and get the first badge'))
    .option('--server-id <id>', "id of the MCP server's record at the registry")
    .option('--agent-id <id>', "id of the agent's record at the registry")
    .option('--create', 'make the record if there is none', false)
    .option('--name <name>', 'with --create: what the record is called (default: its id)')
    .option('--out <dir>', 'folder of the files, made if missing', '.capiscio')
    .option('--no-badge', 'ask for no badge')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: InitFlags) => refusing(io, flags.json, () => init(flags, io)))
}

async function init(flags: InitFlags, io: CliIo): Promise<void> {
  const subject = subjectOf(flags)
  await using registry = openRegistryClient(flags, io)
  const folder = await openIdentityFolder(resolve(flags.out))
  const { signer } = folder
  const did = toDidKey(signer.publicKey)
  const prover = { kid: defaultKid(did), sign: (message: Uint8Array) => signer.sign(message) }
  const registered = await register(registry.client, subject, flags, signer)
  const badge = flags.badge ? await registry.client.requestProvenBadge(did, prover, {}) : undefined
  if (badge !== undefined) await writeBadgeFile(folder.badgeFile, badge.token)

  const environment = environmentOf(subject, registry.url, folder)
  if (flags.json) {
    const { proven, alreadyRegistered } = registered
    printJson(io, {
      ...{ did, id: registered.id, proven, alreadyRegistered, keyMade: folder.keyMade },
      files: { privateKey: folder.privateKeyFile, publicKey: folder.publicKeyFile, did: folder.didFile },
      ...(badge !== undefined && { badge: { file: folder.badgeFile, ...badgeFacts(badge) } }),
      environment,
    })
    return
  }
  printTable(io, [
    ['did', did],
    ['private key', `${folder.privateKeyFile}  (${folder.keyMade ? 'new; keep it secret' : 'was there'})`],
    ['registered', `${registered.id} at ${registry.url}${registered.alreadyRegistered ? '  (was registered)' : ''}`],
    ...(badge === undefined ? [] : [['badge', folder.badgeFile]]),
  ])
  if (badge !== undefined) io.stderr(`${describeBadge(badge)}\n`)
  io.stdout(
    `\n${Object.entries(environment)
      .map(([name, value]) => `export ${name}=${shellQuoted(value)}\n`)
      .join('')}`,
  )
  io.stderr('CAPISCIO_API_KEY is needed besides; a badge is kept fresh by "capiscio badge keep" or by the SDK.\n')
}

function subjectOf({ agentId, serverId }: InitFlags): RegistrySubject {
  const reference = serverId ?? agentId
  if (reference === undefined || (serverId !== undefined && agentId !== undefined)) {
    throw new InputRefused('Say whose identity it is: --server-id or --agent-id, as the registry has it')
  }
  return { kind: serverId === undefined ? 'agent' : 'server', reference }
}

async function register(client: RegistryClient, subject: RegistrySubject, flags: InitFlags, signer: Ed25519Signer) {
  const did = toDidKey(signer.publicKey)
  const prover = { kid: defaultKid(did), sign: (message: Uint8Array) => signer.sign(message) }
  const identity = { did, publicKey: toPublicKeyPem(signer.publicKey), prover }
  try {
    return await client.register(subject, identity)
  } catch (refused) {
    if (!(refused instanceof RegistrationError) || refused.statusCode !== 404) throw refused
    if (!flags.create) {
      throw new InputRefused(`The registry has no ${subject.kind} ${subject.reference}: add it there, or give --create`)
    }
    return client.create(subject, flags.name ?? subject.reference, identity)
  }
}

function environmentOf(
  { kind, reference }: RegistrySubject,
  url: string,
  folder: { readonly privateKeyFile: string; readonly badgeFile: string },
): Readonly<Record<string, string>> {
  if (kind === 'agent') return { CAPISCIO_CA_URL: url, CAPISCIO_AGENT_ID: reference }
  return {
    CAPISCIO_SERVER_ID: reference,
    CAPISCIO_SERVER_URL: url,
    CAPISCIO_SERVER_PRIVATE_KEY: folder.privateKeyFile,
  }
}

function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
