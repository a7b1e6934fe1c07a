import type { Command } from 'commander'
import { systemClock } from '../adapters/time/system-clock.ts'
import { toDidKey } from '../domain/did/did-key.ts'
import { DidRefused } from '../domain/did/did-refused.ts'
import { keyThumbprint } from '../domain/did/key-thumbprint.ts'
import { parseKeySet } from '../domain/trust/jwks.ts'
import type { TrustProblem } from '../domain/trust/reference-layout.ts'
import { ownerOf, type TrustedKey, trustAgentKey, trustIssuerKey } from '../domain/trust/trusted-key.ts'
import { fetchJwksText } from './fetch-jwks-text.ts'
import { type CliIo, printable, printJson, printTable } from './print.ts'
import { kidOf, readPublicKey } from './public-key-input.ts'
import { InputRefused, readInput } from './read-input.ts'
import { refusing } from './refusing.ts'
import { storeOf, type TrustStoreFlags, trustStoreOptions } from './trust-store-option.ts'

const HELP = `
Examples:
  $ capiscio trust add ca-key.jwk --issuer https://registry.example.com
  $ capiscio trust add --from-jwks https://registry.example.com/.well-known/jwks.json --issuer https://registry.example.com
  $ capiscio trust add --did did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw

Badges of levels 1 to 4 count when a pinned key of their issuer signed them. A pinned did:key
makes the level 0 badges of that agent count, where a request accepts them. Running cores
notice within seconds. Keys are pinned for good: remove one when its issuer retires it.
Exit codes: 0 pinned (also if it was before), 1 refused, nothing changed; 2 wrong usage.
`

/** Largest key set that is read, in bytes (badges.md §7). */
const MAX_BYTES = 1024 * 1024

interface AddFlags extends TrustStoreFlags {
  readonly issuer?: string
  readonly kid?: string
  readonly fromJwks?: string
  readonly did?: string
  readonly json: boolean
}

/** `capiscio trust add` */
export function addTrustAddCommand(trust: Command, io: CliIo): void {
  trustStoreOptions(
    trust
      .command('add')
      .description('pin public keys of an issuer, or the did:key of an agent')
      .argument('[file]', 'public key as JWK, or - for standard input')
      .option('--issuer <origin>', 'whose keys these are: the HTTPS origin that badges name')
      .option('--kid <kid>', 'what badges call the key, where the JWK has no kid')
      .option('--from-jwks <source>', 'pin every usable key of a key set: https://…, a file, or -')
      .option('--did <did>', 'pin the key of one agent, a did:key'),
  )
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((file: string | undefined, flags: AddFlags, command: Command) =>
      refusing(io, flags.json, () => add(file, flags, command, io)),
    )
}

async function add(file: string | undefined, flags: AddFlags, command: Command, io: CliIo): Promise<void> {
  const usage = usageProblem(file, flags)
  if (usage !== undefined) command.error(`error: ${usage}`, { exitCode: 2, code: 'capiscio.trustAdd' })
  const store = storeOf(flags, io)
  const skipped: TrustProblem[] = []
  // Everything is read and judged before anything is kept.
  const keys = await readKeys(file, flags, skipped, io)
  if (keys.length === 0) {
    for (const { name, reason } of skipped) io.stderr(`${printable(name)}: ${printable(reason)}\n`)
    throw new InputRefused('There is no key to pin')
  }
  const added: { readonly key: TrustedKey; readonly isNew: boolean }[] = []
  for (const key of keys) added.push({ key, isNew: await store.add(key) })

  if (flags.json) {
    printJson(io, { added: added.map(({ key, isNew }) => ({ ...describeTrustedKey(key), new: isNew })), skipped })
    return
  }
  printTable(
    io,
    added.map(({ key, isNew }) => [
      isNew ? 'pinned' : 'pinned before',
      ownerOf(key),
      key.kind === 'issuer' ? key.kid : '',
    ]),
  )
  for (const { name, reason } of skipped) io.stderr(`skipped ${printable(name)}: ${printable(reason)}\n`)
}

/** A key as commands print it in JSON. */
export function describeTrustedKey(key: TrustedKey): Record<string, string> {
  return {
    kind: key.kind,
    ...(key.kind === 'issuer' ? { issuer: key.issuer } : { did: key.did }),
    kid: key.kid,
    thumbprint: keyThumbprint(key.publicKey),
    addedAt: new Date(key.addedAtMs).toISOString(),
  }
}

function usageProblem(file: string | undefined, { issuer, kid, fromJwks, did }: AddFlags): string | undefined {
  if ([file, fromJwks, did].filter((one) => one !== undefined).length !== 1) {
    return 'give one of a JWK file, --from-jwks and --did.'
  }
  if (did !== undefined && (issuer ?? kid) !== undefined)
    return '--did says whose key it is: leave --issuer and --kid out.'
  if (fromJwks !== undefined && kid !== undefined) return 'a key set names its keys: leave --kid out.'
  if (fromJwks !== undefined && issuer === undefined) return 'say whose keys these are: --issuer https://…'
  return undefined
}

async function readKeys(
  file: string | undefined,
  { issuer, kid, fromJwks, did, config }: AddFlags,
  skipped: TrustProblem[],
  io: CliIo,
): Promise<readonly TrustedKey[]> {
  const details = { addedAtMs: systemClock.nowMs(), metadata: new Map<string, string>() }
  if (did !== undefined) return [trustAgentKey(did, details)]
  if (fromJwks === undefined) {
    const [jwk = {}, ...more] = parseKeySet(await readInput(file ?? '-', MAX_BYTES, io))
    if (more.length > 0) throw new InputRefused('The file is a key set with several keys: use --from-jwks')
    const key = readPublicKey(jwk)
    if (issuer === undefined) throw unowned(key)
    return [trustIssuerKey(issuer, kid ?? kidOf(jwk) ?? keyThumbprint(key), key, details)]
  }
  const text = /^https?:\/\//i.test(fromJwks)
    ? await fetchJwksText(fromJwks, issuer ?? '', { ...(config !== undefined && { config }) }, io)
    : await readInput(fromJwks, MAX_BYTES, io)
  return parseKeySet(text).flatMap((jwk, index) => {
    try {
      const key = readPublicKey(jwk)
      return [trustIssuerKey(issuer ?? '', kidOf(jwk) ?? keyThumbprint(key), key, details)]
    } catch (refused) {
      // Other kinds of key in a set are no mistake; a published private key is one.
      if (!(refused instanceof DidRefused) || refused.code === 'KEY_PRIVATE') throw refused
      skipped.push({ name: kidOf(jwk) ?? `key ${index}`, reason: refused.message })
      return []
    }
  })
}

function unowned(key: Uint8Array): InputRefused {
  return new InputRefused(
    `Say whose key this is. An issuer's: --issuer https://…  An agent's own: capiscio trust add --did ${toDidKey(key)}`,
  )
}
