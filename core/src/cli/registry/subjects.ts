import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { ConfigRefused } from '../../config/config-refused.ts'
import { checkKeyName } from '../../domain/registry/api-keys.ts'
import { checkLevel } from '../../domain/registry/subjects.ts'
import type { StoredSubject, SubjectKind } from '../../ports/registry-store.ts'
import { DEFAULT_ACCOUNT } from '../../service/registry/api-key-routes.ts'
import { claimRequest, subjectBody } from '../../service/registry/subject-body.ts'
import { type CliIo, printable, printJson, printTable } from '../print.ts'
import { exampleHelp, placeOptions, type RegistryCommandFlags, withRegistry } from './with-registry.ts'

type Level = StoredSubject['level']

interface AddFlags extends RegistryCommandFlags {
  readonly id?: string
  readonly did?: string
  readonly publicKey?: string
  readonly account: string
  readonly level: Level
  readonly domain?: string
}

/** `capiscio registry agent` and `capiscio registry server`: who may have badges, and at which level. */
export function addRegistrySubjectCommands(registry: Command, kind: SubjectKind, io: CliIo): void {
  const group = registry.command(kind).description(`look after the ${kind}s that badges are issued for`)
  const operator = { kind: 'operator', accountId: DEFAULT_ACCOUNT } as const
  const show = (subject: StoredSubject, json: boolean): void => {
    if (json) printJson(io, subjectBody(subject))
    else printTable(io, rowsOf(subject))
  }

  placeOptions(group.command('add').description(`register ${kind === 'agent' ? 'an agent' : 'a server'}`))
    .argument('<name>', 'for people')
    .option('--id <id>', 'name within the registry (default: a new UUID)')
    .option('--did <did>', 'its DID (default: its own name in this registry)')
    .option('--public-key <file>', 'file with its public key: PEM, JWK or base64')
    .option('--account <name>', 'whose it is', DEFAULT_ACCOUNT)
    .option('--level <level>', 'validated trust level, 1 to 4', parseLevel, 1 as Level)
    .option('--domain <domain>', 'validated domain, needed from level 2 on')
    .addHelpText(
      'after',
      exampleHelp(
        `${kind} add "Billing ${kind}" --id billing --public-key key.pem --level 2 --domain billing.example.com`,
      ),
    )
    .action((name: string, flags: AddFlags) =>
      withRegistry(flags, io, async ({ subjects, context }) => {
        const { level, domain } = flags
        checkKeyName(flags.account, 'account')
        checkLevel(level, domain)
        const publicKey = flags.publicKey === undefined ? undefined : await readKeyFile(flags.publicKey)
        const caller = { kind: 'operator', accountId: flags.account } as const
        const claim = { did: flags.did, publicKey, proof: undefined }
        const request = claimRequest(context.issuer, 'POST', `${kind}s`)
        const made = await subjects.create(caller, kind, flags.id, { name }, claim, request)
        const needsLevel = level !== 1 || domain !== undefined
        show(needsLevel ? await subjects.setLevel(caller, kind, made.id, level, domain) : made, flags.json)
      }),
    )

  placeOptions(group.command('list').description(`list the ${kind}s`))
    .addHelpText('after', exampleHelp(`${kind} list --json`))
    .action((flags: RegistryCommandFlags) =>
      withRegistry(flags, io, async ({ subjects }) => {
        const all = await subjects.list(operator, kind)
        if (flags.json) printJson(io, all.map(subjectBody))
        else printTable(io, [HEAD, ...all.map(lineOf)])
      }),
    )

  placeOptions(group.command('disable').description(`stop badges of one ${kind}, those already issued included`))
    .argument('<id>', 'id or DID')
    .option('--reason <text>', 'for whoever asks why')
    .addHelpText('after', exampleHelp(`${kind} disable billing --reason "key lost"`))
    .action((id: string, flags: RegistryCommandFlags & { readonly reason?: string }) =>
      withRegistry(flags, io, async ({ subjects }) =>
        show(await subjects.disable(operator, kind, id, flags.reason), flags.json),
      ),
    )

  placeOptions(group.command('enable').description(`let one ${kind} have badges again`))
    .argument('<id>', 'id or DID')
    .addHelpText('after', exampleHelp(`${kind} enable billing`))
    .action((id: string, flags: RegistryCommandFlags) =>
      withRegistry(flags, io, async ({ subjects }) => show(await subjects.enable(operator, kind, id), flags.json)),
    )

  placeOptions(group.command('set-level').description(`say how well one ${kind} is known`))
    .argument('<id>', 'id or DID')
    .argument('<level>', '1 to 4', parseLevel)
    .option('--domain <domain>', 'validated domain, needed from level 2 on')
    .addHelpText('after', exampleHelp(`${kind} set-level billing 2 --domain billing.example.com`))
    .action((id: string, level: Level, flags: RegistryCommandFlags & { readonly domain?: string }) =>
      withRegistry(flags, io, async ({ subjects }) =>
        show(await subjects.setLevel(operator, kind, id, level, flags.domain), flags.json),
      ),
    )
}

const HEAD = ['ID', 'STATUS', 'LEVEL', 'DID', 'NAME']

function lineOf({ id, status, level, did, name }: StoredSubject): string[] {
  return [id, status, String(level), did, name]
}

function rowsOf(subject: StoredSubject): string[][] {
  const { id, name, did, status, level, validatedDomain = '-', accountId, publicKey, keyProven } = subject
  const key = publicKey === undefined ? 'none yet' : keyProven ? 'possession proven' : 'possession not proven'
  return [
    ['id', id],
    ['name', printable(name)],
    ['did', did],
    ['key', key],
    ['level', String(level)],
    ['domain', validatedDomain],
    ['status', status],
    ['account', accountId],
  ]
}

function parseLevel(text: string): Level {
  if (text === '1' || text === '2' || text === '3' || text === '4') return Number(text) as Level
  throw new InvalidArgumentError('A level is 1, 2, 3 or 4.')
}

async function readKeyFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (cause) {
    const reason = `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new ConfigRefused([{ code: 'FILE_UNREADABLE', source: '--public-key', reason }], { cause })
  }
}
