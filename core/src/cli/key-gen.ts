import { lstat, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { createNodeEd25519Signer } from '../adapters/crypto/node-ed25519.ts'
import { systemRandom } from '../adapters/crypto/system-random.ts'
import { makeDirectoryDurably } from '../adapters/files/durable-write.ts'
import { placeFile } from '../adapters/files/place-file.ts'
import { toDidKey } from '../domain/did/did-key.ts'
import { toPrivateJwk, toPublicJwk } from '../domain/did/key-jwk.ts'
import { type CliIo, printJson, printTable } from './print.ts'
import { InputRefused } from './read-input.ts'
import { refusing } from './refusing.ts'

const HELP = `
Examples:
  $ capiscio key gen --out ./keys
  $ DID=$(capiscio key gen --show-did)

Writes an Ed25519 key pair as JWK: private.jwk (only for you, mode 600) and public.jwk. The
private key is shown nowhere. Its name (kid) is its did:key.
Exit codes: 0 made; 1 a file is there already or cannot be written, nothing changed; 2 wrong usage.
`

interface GenFlags {
  readonly out: string
  readonly outPriv: string
  readonly outPub: string
  readonly outDid?: string
  readonly showDid: boolean
  readonly force: boolean
  readonly json: boolean
}

interface KeyFile {
  readonly path: string
  readonly text: string
  readonly mode: number
}

/** `capiscio key gen` */
export function addKeyGenCommand(key: Command, io: CliIo): void {
  key
    .command('gen')
    .description('make an Ed25519 key pair and its did:key')
    .option('--out <dir>', 'folder of the files, made if missing', '.')
    .option('--out-priv <file>', 'where the private key goes', 'private.jwk')
    .option('--out-pub <file>', 'where the public key goes', 'public.jwk')
    .option('--out-did <file>', 'where the did:key goes, as text')
    .option('--show-did', 'print the did:key alone on standard output', false)
    .option('--force', 'replace files that are there; a replaced private key is gone for good', false)
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: GenFlags) => refusing(io, flags.json, () => generate(flags, io)))
}

async function generate(flags: GenFlags, io: CliIo): Promise<void> {
  const seed = systemRandom.bytes(32)
  const { publicKey } = createNodeEd25519Signer(seed)
  const did = toDidKey(publicKey)
  const place = (name: string): string => resolve(flags.out, name)
  const paths = { private: place(flags.outPriv), public: place(flags.outPub) }
  const files: KeyFile[] = [
    { path: paths.private, text: json(toPrivateJwk(publicKey, seed, did)), mode: 0o600 },
    { path: paths.public, text: json(toPublicJwk(publicKey, did)), mode: 0o644 },
    ...(flags.outDid === undefined ? [] : [{ path: place(flags.outDid), text: `${did}\n`, mode: 0o644 }]),
  ]
  if (new Set(files.map(({ path }) => path)).size < files.length) {
    throw new InputRefused('Two of the files have one name: give each its own')
  }
  await writeAll(files, flags.force)

  if (flags.json) {
    printJson(io, {
      did,
      kid: did,
      files: { ...paths, ...(flags.outDid !== undefined && { did: place(flags.outDid) }) },
    })
    return
  }
  const rows = [
    ['private key', `${paths.private}  (keep it secret)`],
    ['public key', paths.public],
    ...(flags.outDid === undefined ? [] : [['did', place(flags.outDid)]]),
  ]
  if (!flags.showDid) {
    printTable(io, [...rows, ['did:key', did]])
    return
  }
  io.stdout(`${did}\n`)
  printTable({ ...io, stdout: io.stderr }, rows)
}

/** All files or none: a private key whose public half is missing helps nobody. */
async function writeAll(files: readonly KeyFile[], force: boolean): Promise<void> {
  if (!force) for (const { path } of files) await demandFree(path)
  const written: string[] = []
  try {
    for (const { path, text, mode } of files) {
      await makeDirectoryDurably(dirname(path))
      await placeFile(path, new TextEncoder().encode(text), { mode, existing: force ? 'replace' : 'refuse' })
      written.push(path)
    }
  } catch (cause) {
    // What was replaced cannot be brought back; what is new can be taken away.
    if (!force) for (const path of written) await rm(path, { force: true })
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new InputRefused(`The key files cannot be written: ${reason}`, { cause })
  }
}

/** Looks at the path itself: also a dangling link is there. */
async function demandFree(path: string): Promise<void> {
  const taken = await lstat(path).then(
    () => true,
    () => false,
  )
  if (taken) throw new InputRefused(`${path} is there already: name another file, or replace it with --force`)
}

function json(jwk: object): string {
  return `${JSON.stringify(jwk, undefined, 2)}\n`
}
