import type { BadgeTerms, IssuedBadge, RegistryClient } from '@capiscio/proto/registry'
import { defaultKid } from '@capiscio/proto/registry'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { toDidKey } from '../domain/did/did-key.ts'
import { parseDuration } from './duration.ts'
import type { CliIo } from './print.ts'
import { InputRefused } from './read-input.ts'
import { readPrivateKey } from './read-signer.ts'

/** How long a badge may live, in seconds (badges.md §12). */
const LIFETIME = { min: 60, max: 3600 } as const

/** About whom a badge is asked for, and what it is to say. */
export interface BadgeRequestFlags {
  readonly agentId?: string
  readonly serverId?: string
  readonly did?: string
  readonly pop: boolean
  readonly key?: string
  readonly ttl?: number
  readonly audience: readonly string[]
  readonly level?: number
  readonly domain?: string
}

export function badgeRequestOptions(command: Command): Command {
  return command
    .option('--agent-id <id>', 'the agent: its id or DID')
    .option('--server-id <id>', 'the MCP server: its id or DID')
    .option('--did <did>', 'with --pop: whose key it is (default: the did:key of the key)')
    .option('--pop', 'prove possession of the private key: IAL-1', false)
    .option('--key <file>', 'with --pop: private key as JWK, or - for standard input')
    .option('--ttl <time>', 'how long the badge is valid, 60s to 1h (default: up to the registry)', parseLifetime)
    .addOption(
      new Option('--audience <audience>', 'who may accept it; several with commas, or the flag again')
        .argParser(collectAudience)
        .default([], 'everybody'),
    )
    .option('--level <level>', 'a lower trust level than the validated one', parseLevel)
    .option('--domain <domain>', 'for registries that ask for it')
}

/**
 * How a badge is to be asked for, again and again. Files are read now.
 *
 * @throws {InputRefused} for flags that do not fit together
 */
export async function decideBadgeRequest(
  flags: BadgeRequestFlags,
  io: CliIo,
): Promise<(client: RegistryClient) => Promise<IssuedBadge>> {
  const { agentId, serverId, pop, key: keyFile, ttl: ttlSeconds, audience, level, domain } = flags
  const terms: BadgeTerms = { ttlSeconds, audience, level, domain }
  if (pop) {
    if (keyFile === undefined) throw new InputRefused('A proof needs the private key: give --key private.jwk')
    if (level !== undefined)
      throw new InputRefused('The registry decides the level of a proven badge: leave --level out')
    const { signer, kid } = await readPrivateKey(keyFile, io)
    const did = flags.did ?? [agentId, serverId].find((id) => id?.startsWith('did:')) ?? toDidKey(signer.publicKey)
    const named = kid?.startsWith(`${did}#`) ? kid : defaultKid(did)
    const prover = { kid: named, sign: (message: Uint8Array) => signer.sign(message) }
    return (client) => client.requestProvenBadge(did, prover, terms)
  }
  if (keyFile !== undefined) throw new InputRefused('--key is for a proof of possession: add --pop')
  if (flags.did !== undefined)
    throw new InputRefused('--did is for a proof of possession: add --pop, or use --agent-id')
  const reference = agentId ?? serverId
  if (reference === undefined || (agentId !== undefined && serverId !== undefined)) {
    throw new InputRefused('Say whom the badge is about: --agent-id or --server-id, or --pop with --key')
  }
  return (client) => client.requestBadge({ kind: agentId === undefined ? 'server' : 'agent', reference }, terms)
}

/** What is shown of a badge: never the badge. */
export function badgeFacts({ jti, subject, issuer, level, ial, expiresAt }: IssuedBadge) {
  return { jti, subject, issuer, level, ial, expiresAt: new Date(expiresAt * 1000).toISOString() }
}

export function describeBadge(badge: IssuedBadge): string {
  const { jti, subject, level, ial, expiresAt } = badgeFacts(badge)
  return `badge ${jti} of ${subject}, level ${level}, IAL-${ial}, valid until ${expiresAt}`
}

function parseLifetime(text: string): number {
  const seconds = parseDuration(text)
  if (seconds >= LIFETIME.min && seconds <= LIFETIME.max) return seconds
  throw new InvalidArgumentError('A badge lives 60s to 1h: it is renewed when it ends.')
}

function parseLevel(text: string): number {
  if (/^[1-4]$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A registry gives levels 1 to 4.')
}

function collectAudience(text: string, earlier: readonly string[]): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.some((entry) => entry === '' || /\s/.test(entry))) {
    throw new InvalidArgumentError('An audience is an origin or a URN, such as https://api.example.com.')
  }
  return [...new Set([...earlier, ...entries])]
}
