import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../adapters/time/system-clock.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { type BadgeExplanation, explainBadge } from '../domain/badge/explain-badge.ts'
import { createLenientStatus } from '../domain/badge/lenient-status.ts'
import { isDidKey, toDidKey } from '../domain/did/did-key.ts'
import type { Ed25519PublicKey } from '../domain/did/ed25519-public-key.ts'
import { keyThumbprint } from '../domain/did/key-thumbprint.ts'
import { parseKeySet } from '../domain/trust/jwks.ts'
import { parseTrustedIssuer, trustAgentKey, trustIssuerKey } from '../domain/trust/trusted-key.ts'
import type { Clock } from '../ports/clock.ts'
import { openTrustStore } from '../setup/trust/open-trust.ts'
import { openVerification } from '../setup/trust/open-verification.ts'
import { readBadgeArgument, warnOfVisibleToken } from './badge-argument.ts'
import { type CliIo, printable } from './print.ts'
import { printVerification } from './print-verification.ts'
import { kidOf, readPublicKey } from './public-key-input.ts'
import { readInput } from './read-input.ts'
import { refusing } from './refusing.ts'
import type { TrustStoreFlags } from './trust-store-option.ts'

const HELP = `
Examples:
  $ capiscio badge verify badge.jwt --explain
  $ capiscio badge verify - --config capiscio.yaml < badge.jwt
  $ capiscio badge verify badge.jwt --key ca-key.jwk --trusted-issuers https://registry.example.com

Verifies a badge as a core with this configuration and trust store would, and records nothing.
--key trusts one more key for this run: for the issuers of --trusted-issuers, and as the did:key
that it is. Otherwise --trusted-issuers only narrows whom the configuration trusts; a did:key
in it is trusted for this run.
The badge itself is never shown.
Exit codes: 0 verified, 1 refused, 2 wrong usage.
`

const MAX_KEY_BYTES = 1024 * 1024

export interface VerifyFlags extends TrustStoreFlags {
  readonly key?: string
  readonly online?: boolean
  readonly offline?: boolean
  readonly hybrid?: boolean
  readonly trustedIssuers?: readonly string[]
  readonly audience?: readonly string[]
  readonly skipRevocation: boolean
  readonly skipAgentStatus: boolean
  readonly acceptSelfSigned: boolean
  readonly explain: boolean
  readonly profile?: string
  readonly now?: number
  readonly json: boolean
}

/** `capiscio badge verify` */
export function addBadgeVerifyCommand(badge: Command, io: CliIo): void {
  badge
    .command('verify')
    .description('verify a badge')
    .argument('<badge>', 'the badge, a file that holds it, or - for standard input')
    .option('--key <file>', 'public key to trust for this run, as JWK')
    .addOption(
      new Option('--online', 'ask issuers (the usual, unless the profile is air-gapped)').conflicts([
        'offline',
        'hybrid',
      ]),
    )
    .addOption(
      new Option('--hybrid', 'ask issuers, and use what is known where they do not answer').conflicts('offline'),
    )
    .option('--offline', 'reach no network: pinned keys, and what is known of revocations')
    .option('--trusted-issuers <list>', 'issuers that may count, with commas', collect)
    .option('--audience <list>', "as whom to accept the badge (default: the configuration's audience)", collect)
    .option('--skip-revocation', 'do not ask whether the badge was revoked; profile dev only', false)
    .option('--skip-agent-status', 'do not ask whether the agent is active; profile dev only', false)
    .option('--accept-self-signed', 'accept every level 0 badge; profile dev only', false)
    .option('--explain', 'show every step', false)
    .option('--profile <name>', 'connected-prod, air-gapped or dev')
    .option('--config <file>', 'configuration file')
    .option('--trust-store <dir>', 'folder of pinned keys')
    .option('--now <time>', 'verify as if it were this time, for tests: RFC 3339 or Unix seconds', parseTime)
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((argument: string, flags: VerifyFlags, command: Command) =>
      refusing(io, flags.json, () => verify(argument, flags, command, io)),
    )
}

async function verify(argument: string, flags: VerifyFlags, command: Command, io: CliIo): Promise<void> {
  const { config: configured } = loadConfig({ command: 'serve', flags, env: io.env })
  const config = inMode(configured, flags)
  for (const [name, isSet] of leniencies(flags)) {
    if (isSet && config.profile !== 'dev') {
      command.error(
        `error: ${name} is for trials: profile ${config.profile} checks everything. With --profile dev it works.`,
        { exitCode: 2, code: 'capiscio.badgeVerify' },
      )
    }
  }
  warnOfVisibleToken(argument, io)
  const token = await readBadgeArgument(argument, io)
  const warnings: string[] = leniencies(flags).flatMap(([name, isSet]) =>
    isSet ? [`${name}: a core in production would check this`] : [],
  )
  if (flags.now !== undefined) warnings.push(`--now: this is not the present, but ${new Date(flags.now).toISOString()}`)
  const explanation = await explain(token, flags, config, warnings, io)
  if (explanation.result.ok) warnings.push(...explanation.result.badge.standing.warnings)
  for (const warning of warnings) io.stderr(`warning: ${printable(warning)}\n`)
  printVerification(explanation, warnings, flags, io)
}

async function explain(
  token: string,
  flags: VerifyFlags,
  config: Config,
  warnings: string[],
  io: CliIo,
): Promise<BadgeExplanation> {
  const clock: Clock = flags.now === undefined ? systemClock : { ...systemClock, nowMs: () => flags.now ?? Number.NaN }
  const { trustedIssuers: listed = [] } = flags
  const origins = listed.filter((entry) => !isDidKey(entry)).map(parseTrustedIssuer)
  const ownKeys = flags.key === undefined ? [] : await readKeys(flags.key, io)
  const agents = [...ownKeys.map(({ key }) => toDidKey(key)), ...listed.filter(isDidKey)]
  const details = { addedAtMs: systemClock.nowMs(), metadata: new Map<string, string>() }

  await using verification = await openVerification(config, {
    clock,
    store: openTrustStore(config.trust, systemClock.nowMs),
    alsoPinned: {
      issuerKeys: ownKeys.flatMap(({ kid, key }) => origins.map((origin) => trustIssuerKey(origin, kid, key, details))),
      agentKeys: agents.map((did) => trustAgentKey(did, details)),
    },
    acceptLevelZero: flags.acceptSelfSigned,
    isOffline: flags.offline === true,
  })
  const { issuers, sources, rules, problems } = verification
  for (const { name, reason } of problems) warnings.push(`${name} in the trust store does not count: ${reason}`)
  const demands = {
    issuers: listed.length === 0 ? issuers : issuers.narrow([...origins, ...agents], flags.acceptSelfSigned),
    audience: { own: flags.audience ?? config.trust.audience, required: config.trust.requireAudience, alsoOneOf: [] },
  }
  const leniency = { ...flags, failOpen: false }
  const status = createLenientStatus(sources.status, leniency, (message) => void warnings.push(message))
  return await explainBadge(token, demands, { ...sources, status }, rules)
}

/** A fixture answers in every mode, and so does a folder of what is known. */
function inMode(config: Config, { online, hybrid }: VerifyFlags): Config {
  const { revocation } = config.trust
  if (revocation.mode === 'fixture' || config.profile === 'air-gapped' || !(online || hybrid)) return config
  const mode = online ? 'online' : 'hybrid'
  return { ...config, trust: { ...config.trust, revocation: { ...revocation, mode } } }
}

/** Flags that would let a badge pass which a core in production refuses. */
function leniencies(flags: VerifyFlags): readonly (readonly [name: string, isSet: boolean])[] {
  return [
    ['--skip-revocation', flags.skipRevocation],
    ['--skip-agent-status', flags.skipAgentStatus],
    ['--accept-self-signed', flags.acceptSelfSigned],
  ]
}

async function readKeys(file: string, io: CliIo): Promise<readonly { kid: string; key: Ed25519PublicKey }[]> {
  return parseKeySet(await readInput(file, MAX_KEY_BYTES, io)).map((jwk) => {
    const key = readPublicKey(jwk)
    return { kid: kidOf(jwk) ?? keyThumbprint(key), key }
  })
}

function collect(text: string, earlier: readonly string[] = []): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.includes('')) throw new InvalidArgumentError('Write a list with commas and nothing empty in it.')
  return [...earlier, ...entries]
}

function parseTime(text: string): number {
  const ms = /^\d{1,11}$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  // Other spellings of dates depend on the machine.
  if (Number.isNaN(ms) || !/^(\d{1,11}|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d))$/.test(text)) {
    throw new InvalidArgumentError('Write a time such as 2025-12-09T15:00:00Z, or Unix seconds.')
  }
  return ms
}
