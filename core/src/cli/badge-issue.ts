import { resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemRandom } from '../adapters/crypto/system-random.ts'
import { systemClock } from '../adapters/time/system-clock.ts'
import { issueBadge } from '../domain/badge/issue-badge.ts'
import { didKeyKid, toDidKey } from '../domain/did/did-key.ts'
import { writeBadgeFile } from './badge-file.ts'
import { parseDuration } from './duration.ts'
import { type CliIo, printJson } from './print.ts'
import { InputRefused } from './read-input.ts'
import { readPrivateKey } from './read-signer.ts'
import { refusing } from './refusing.ts'

const HELP = `
Example:
  $ capiscio badge issue --self-sign --key private.jwk --aud https://api.example.com > badge.jwt

Makes a badge of level 0, in which an agent vouches for itself. For development: it counts only
where an operator trusts exactly this key ("capiscio trust add --did did:key:…") and the call
accepts level 0.

Badges of levels 1 to 4 are made by a registry, which vouches for an agent: register the agent
there, and use "capiscio badge request".
The badge goes to standard output, everything else to standard error.
Exit codes: 0 made, 1 refused, 2 wrong usage.
`

/** How long a badge may live, in seconds (badges.md §12). */
const LIFETIME = { min: 60, max: 3600 } as const

interface IssueFlags {
  readonly selfSign: boolean
  readonly key?: string
  readonly exp: number
  readonly aud: readonly string[]
  readonly domain?: string
  readonly sub?: string
  readonly out?: string
  readonly json: boolean
}

/** `capiscio badge issue` */
export function addBadgeIssueCommand(badge: Command, io: CliIo): void {
  badge
    .command('issue')
    .description('make a self-signed badge')
    .option('--self-sign', 'vouch for yourself: level 0', false)
    .option('--key <file>', 'private key as JWK, or - for standard input')
    .option('--exp <time>', 'how long it is valid, 60s to 1h', parseLifetime, 300)
    .addOption(
      new Option('--aud <audience>', 'who may accept it; several with commas, or the flag again')
        .argParser(collectAudience)
        .default([], 'everybody'),
    )
    .option('--domain <domain>', 'domain that the agent claims; nobody checks it')
    .option('--sub <did>', 'the did:key of the key, as a check that it is the one you mean')
    .option('--out <file>', 'write the badge there, for you only, instead of to standard output')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((flags: IssueFlags, command: Command) => refusing(io, flags.json, () => issue(flags, command, io)))
}

async function issue(flags: IssueFlags, command: Command, io: CliIo): Promise<void> {
  const usage = (message: string): never =>
    command.error(`error: ${message}`, { exitCode: 2, code: 'capiscio.badgeIssue' })
  if (!flags.selfSign) {
    usage(
      'badges of levels 1 to 4 are made by a registry: register the agent there and ask it for a badge. --self-sign makes a badge of level 0.',
    )
  }
  const keyFile = flags.key ?? usage('give the private key: --key private.jwk. "capiscio key gen" makes one.')
  const { signer } = await readPrivateKey(keyFile, io)
  const did = toDidKey(signer.publicKey)
  if (flags.sub !== undefined && flags.sub !== did) {
    throw new InputRefused(
      `A self-signed badge is about its own key, which is ${did}: leave --sub out, or use the key of --sub`,
    )
  }
  const issuedAt = Math.floor(systemClock.nowMs() / 1000)
  const contents = {
    jti: systemRandom.uuid(),
    issuer: did,
    subject: did,
    level: 0 as const,
    issuedAt,
    expiresAt: issuedAt + flags.exp,
    subjectKey: signer.publicKey,
    audience: flags.aud,
    ...(flags.domain !== undefined && { domain: flags.domain }),
  }
  const token = issueBadge(contents, didKeyKid(did), signer)
  const expiresAt = new Date(contents.expiresAt * 1000).toISOString()
  if (flags.out !== undefined) await writeBadgeFile(resolve(flags.out), token)
  if (flags.json) {
    printJson(io, { ...(flags.out === undefined && { token }), jti: contents.jti, subject: did, level: 0, expiresAt })
    return
  }
  if (flags.out === undefined) io.stdout(`${token}\n`)
  io.stderr(`badge ${contents.jti} of ${did}, level 0, valid until ${expiresAt}\n`)
}

function parseLifetime(text: string): number {
  const seconds = parseDuration(text)
  if (seconds >= LIFETIME.min && seconds <= LIFETIME.max) return seconds
  throw new InvalidArgumentError('A badge lives 60s to 1h: make a new one when it ends.')
}

function collectAudience(text: string, earlier: readonly string[]): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.some((entry) => entry === '' || /\s/.test(entry))) {
    throw new InvalidArgumentError('An audience is an origin or a URN, such as https://api.example.com.')
  }
  return [...new Set([...earlier, ...entries])]
}
