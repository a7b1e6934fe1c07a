import { join } from 'node:path'
import type { RevocationConfig, TrustConfig, TrustedIssuerConfig } from './config.ts'
import { type Candidate, type Decisions, fromEnv } from './decisions.ts'
import { ENVIRONMENT_NAMES } from './environment.ts'
import { parseFilePath } from './file-path.ts'
import { oneOf } from './one-of.ts'
import type { TrustSources } from './trust-sources.ts'

/** `REVOCATION_CACHE_MAX_STALENESS` (badges.md §9): more is for who has no network. */
const MAX_STALENESS_SECONDS = 300

/** A revoked badge is denied within one of these, and what a request takes. */
const SYNC_INTERVAL_SECONDS = 30
const STATUS_MAX_AGE_SECONDS = 30

export type DecidedRevocation = Pick<TrustConfig, 'revocation' | 'localRevocations'>

/** Decides how revocation and agent status are learned, and what counts while they are not (badges.md §9, §13). */
export function decideRevocation(
  decisions: Decisions,
  sources: TrustSources,
  { stateDir, issuers }: { readonly stateDir: string; readonly issuers: readonly TrustedIssuerConfig[] },
): DecidedRevocation {
  const { profile, environment, file, home } = sources
  const written = file?.written.trust?.revocation
  const value = <Name extends keyof NonNullable<typeof written>, R>(
    name: Name,
    parse: (raw: NonNullable<NonNullable<typeof written>[Name]>) => R,
    fallback: R,
  ): R => {
    const raw = written?.[name]
    const candidate = file?.candidate(['trust', 'revocation', name], raw) as
      | Candidate<NonNullable<NonNullable<typeof written>[Name]>>
      | undefined
    return decisions.pick(`trust.revocation.${name}`, [candidate], parse, () => fallback)
  }
  const path = (text: string, base: string): string => parseFilePath(text, base, home)
  const refuse = (name: string, reason: string): void => {
    decisions.refuse('NOT_IN_PROFILE', decisions.originOf(`trust.revocation.${name}`), reason)
  }

  const mode = value(
    'mode',
    (text) => oneOf(['online', 'hybrid', 'offline', 'fixture'] as const, text),
    defaultMode(profile),
  )
  if (mode === 'fixture' && profile !== 'dev') {
    refuse('mode', `A fixture knows of no revocation: profile ${profile} must check. Use hybrid, online or offline`)
  }
  if (mode !== 'offline' && profile === 'air-gapped') {
    refuse('mode', 'Profile air-gapped reaches no network: use offline, and bring a snapshotFile for each issuer')
  }
  const maxStalenessSeconds = value('maxStalenessSeconds', (seconds) => seconds, MAX_STALENESS_SECONDS)
  if (maxStalenessSeconds > MAX_STALENESS_SECONDS && profile !== 'air-gapped') {
    const reason = `Only profile air-gapped may take older knowledge: write at most ${MAX_STALENESS_SECONDS}`
    refuse('maxStalenessSeconds', reason)
  }
  const failOpen = value('failOpen', (open) => open, false)
  if (failOpen && profile !== 'dev') {
    refuse('failOpen', `Badges about which nothing is known are denied: profile ${profile} permits nothing else`)
  }
  refuseSnapshots(decisions, mode, issuers)

  const revocation: RevocationConfig = {
    mode,
    syncIntervalSeconds: value('syncIntervalSeconds', (seconds) => seconds, SYNC_INTERVAL_SECONDS),
    statusMaxAgeSeconds: value('statusMaxAgeSeconds', (seconds) => seconds, STATUS_MAX_AGE_SECONDS),
    maxStalenessSeconds,
    staleAtLevelOne: value('staleAtLevelOne', (text) => oneOf(['accept', 'deny'] as const, text), 'accept'),
    failOpen,
    cacheDir: decisions.pick(
      'trust.revocation.cacheDir',
      [fromEnv(ENVIRONMENT_NAMES.cachePath, environment.cachePath)],
      path,
      () => join(stateDir, 'revocations'),
    ),
  }
  const localRevocations = decisions.pick(
    'trust.localRevocations',
    [file?.candidate(['trust', 'localRevocations'], file.written.trust?.localRevocations)],
    path,
    () => join(stateDir, 'local-revocations.jsonl'),
  )
  return { revocation, localRevocations }
}

function defaultMode(profile: TrustSources['profile']): RevocationConfig['mode'] {
  switch (profile) {
    case 'dev':
      return 'fixture'
    case 'air-gapped':
      return 'offline'
    case 'connected-prod':
      return 'hybrid'
  }
}

/** Two sources that disagree would leave open which one counts. */
function refuseSnapshots(
  decisions: Decisions,
  mode: RevocationConfig['mode'],
  issuers: readonly TrustedIssuerConfig[],
): void {
  if (mode === 'offline' || mode === 'fixture') return
  for (const [index, { snapshotFile }] of issuers.entries()) {
    if (snapshotFile === undefined) continue
    const reason = `A snapshot takes the place of the issuer, which mode ${mode} asks: use mode offline, or leave it out`
    decisions.refuse('CONFLICT', decisions.originOf(`trust.issuers[${index}].snapshotFile`), reason)
  }
}
