import { SourceUnavailable } from '../../ports/source-unavailable.ts'
import type { IssuerRevocations } from './issuer-revocations.ts'
import type { LocalEntry } from './local-revocations.ts'
import { PACKED_WORDS, packId } from './packed-id.ts'
import type { Revocations } from './revocations.ts'

/** Who says that something was revoked, or that it was not. */
export interface LookedUp {
  readonly isRevoked: boolean
  /** `local`, or the issuer. */
  readonly source: string
  /** What the operator wrote about a local revocation. */
  readonly entry?: LocalEntry
}

export interface LookUpOptions {
  /** Answer for this time: a local revocation counts from the time that it names. In milliseconds since the Unix epoch. */
  readonly atMs?: number
  /** Ask the issuers, where they can be asked. */
  readonly live: boolean
  readonly maxStalenessMs: number
}

/**
 * Says whether a badge, by `jti`, was revoked by anybody, or an agent or server, by DID, by
 * the operator of this core. A decision asks one issuer about its own badge; here, nobody
 * knows whose badge it is.
 *
 * @throws {SourceUnavailable} when nobody knows of a revocation, and not everybody knows that there is none
 */
export async function lookUpRevocation(
  { local, issuers }: Pick<Revocations, 'local' | 'issuers'>,
  subject: string,
  { atMs = Number.POSITIVE_INFINITY, live, maxStalenessMs }: LookUpOptions,
): Promise<LookedUp> {
  const entry = local.find(subject)
  if (entry !== undefined && entry.revokedAtMs <= atMs) return { isRevoked: true, source: 'local', entry }
  // No issuer revokes agents, and none has a badge whose id is no UUID.
  if (subject.startsWith('did:') || !packId(subject, new Uint32Array(PACKED_WORDS))) {
    return { isRevoked: false, source: 'local' }
  }
  const all = [...issuers.values()]
  const lister = all.find(({ list }) => list.has(subject))
  if (lister !== undefined) return { isRevoked: true, source: lister.issuer }
  if (live) {
    const answered = await askAll(all, subject)
    if (answered !== undefined) return answered
  }
  const unsure = all.find(({ list }) => !((list.ageMs() ?? Number.POSITIVE_INFINITY) <= maxStalenessMs))
  if (unsure === undefined)
    return { isRevoked: false, source: all.length === 1 ? (all[0]?.issuer ?? 'local') : 'local' }
  throw new SourceUnavailable(
    `Whether ${unsure.issuer} revoked the badge is not known now: its list is missing or too old`,
  )
}

/** The issuer that knows the badge answers; the others do not know it. */
async function askAll(issuers: readonly IssuerRevocations[], jti: string): Promise<LookedUp | undefined> {
  const replies = await Promise.all(
    issuers.map(async ({ issuer, live }) => ({ issuer, reply: await live?.badges.ask(jti) })),
  )
  const knower =
    replies.find(({ reply }) => reply?.live === 'bad') ?? replies.find(({ reply }) => reply?.live === 'good')
  return knower && { isRevoked: knower.reply?.live === 'bad', source: knower.issuer }
}
