import { join } from 'node:path'
import type { Command } from 'commander'
import { createFileKeyStore } from '../adapters/keys/file-key-store.ts'
import { loadConfig } from '../config/load-config.ts'
import { toDidKey } from '../domain/did/did-key.ts'
import { checkKeyId } from '../domain/did/key-id.ts'
import { toPublicKeyPem } from '../domain/did/key-pem.ts'
import { toPublicJwkText } from '../domain/keys/key-jwk.ts'
import type { KeyStore, StoredKeyInfo } from '../ports/key-store.ts'
import { type CliIo, printJson, printRefusal, printTable } from './print.ts'

const EXIT_CODES = `
Exit codes: 0 done, 1 no such key or the store is not usable, 2 wrong usage.
`

interface Flags {
  readonly config?: string
  readonly stateDir?: string
  readonly json: boolean
}

/**
 * `capiscio key list`, `show` and `remove`: the private keys that the core of this user
 * keeps. None of them shows a private key. To be called after the command that adds
 * `capiscio key`, if there is one.
 */
export function addKeyStoreCommands(program: Command, io: CliIo): void {
  const key =
    program.commands.find((command) => command.name() === 'key') ??
    program.command('key').description('make keys, and manage those that the core keeps')

  options(key.command('list').description('list the keys that the core keeps'), 'capiscio key list').action(
    async (flags: Flags) => {
      const keys = (await openStore(flags, io).list()).map(describe)
      if (flags.json) printJson(io, { keys })
      else if (keys.length === 0) io.stderr('The core keeps no keys.\n')
      else printTable(io, [['KEY', 'DID', 'CREATED'], ...keys.map(({ id, did, createdAt }) => [id, did, createdAt])])
    },
  )

  options(
    key.command('show').description('show the public half of a key').argument('<id>', 'name of the key'),
    'capiscio key show my-server',
  ).action(async (id: string, flags: Flags, command: Command) => {
    const found = await openStore(flags, io).find(checked(id, command))
    if (found === undefined) return printMissing(io, id, flags)
    const shown = { ...describe(found), publicKeyPem: toPublicKeyPem(found.publicKey), publicKeyJwk: jwkOf(found) }
    if (flags.json) printJson(io, shown)
    else io.stdout(`${shown.id}  ${shown.did}  ${shown.createdAt}\n${shown.publicKeyPem}`)
  })

  options(
    key.command('remove').description('forget a key for good').argument('<id>', 'name of the key'),
    'capiscio key remove my-server',
  ).action(async (id: string, flags: Flags, command: Command) => {
    if (!(await openStore(flags, io).remove(checked(id, command)))) return printMissing(io, id, flags)
    if (flags.json) printJson(io, { removed: id })
    else io.stderr(`The key ${id} is gone. What was signed with it stays valid until it expires.\n`)
  })
}

function options(command: Command, example: string): Command {
  return command
    .option('--config <file>', 'configuration file')
    .option('--state-dir <dir>', 'state folder of the core')
    .option('--json', 'print JSON', false)
    .addHelpText('after', `\nExample:\n  $ ${example}\n${EXIT_CODES}`)
}

function openStore({ config: file, stateDir }: Flags, io: CliIo): KeyStore {
  const flags = { ...(file !== undefined && { config: file }), ...(stateDir !== undefined && { stateDir }) }
  const { config } = loadConfig({ command: 'serve', flags, env: io.env })
  return createFileKeyStore(join(config.stateDir, 'keys'))
}

function checked(id: string, command: Command): string {
  const problem = checkKeyId(id)
  if (problem !== undefined)
    command.error(`error: the name of a key ${problem}.`, { exitCode: 2, code: 'capiscio.keyId' })
  return id
}

function printMissing(io: CliIo, id: string, { json }: Flags): void {
  printRefusal(io, json, [{ source: id, reason: 'The core keeps no key of this name: see capiscio key list' }])
}

function describe({ id, publicKey, createdAtMs }: StoredKeyInfo) {
  return { id, did: toDidKey(publicKey), createdAt: new Date(createdAtMs).toISOString() }
}

function jwkOf({ publicKey }: StoredKeyInfo): unknown {
  return JSON.parse(toPublicJwkText({ publicKey, didKey: toDidKey(publicKey) }))
}
