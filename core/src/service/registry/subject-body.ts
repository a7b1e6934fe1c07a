import { z } from 'zod'
import type { ClaimRequest, IdentityClaim } from '../../domain/registry/identity.ts'
import type { SubjectDescription } from '../../domain/registry/subjects.ts'
import type { StoredSubject } from '../../ports/registry-store.ts'
import { isoTime } from './times.ts'

const text = (max: number) => z.string().max(max).nullish()

/**
 * What clients send about an agent or a server. Levels, states and owners are not among it:
 * nobody raises their own.
 */
export const subjectShape = z.object({
  id: text(64),
  name: text(200),
  domain: text(253),
  description: text(2000),
  did: text(2048),
  publicKey: text(4096),
  /** Registration proof, see docs/registry.md. */
  proof: text(8192),
})

export type SubjectBody = z.infer<typeof subjectShape>

/** Absent and null both leave a member as it is. */
export function descriptionOf({ name, domain, description }: SubjectBody): SubjectDescription {
  return { name: name ?? undefined, domain: domain ?? undefined, description: description ?? undefined }
}

export function claimOf({ did, publicKey, proof }: SubjectBody): IdentityClaim {
  return { did: did ?? undefined, publicKey: publicKey ?? undefined, proof: proof ?? undefined }
}

/** The request as a registration proof names it: under the issuer's origin, wherever it was reached. */
export function claimRequest(issuer: string, htm: ClaimRequest['htm'], ...segments: readonly string[]): ClaimRequest {
  return { htm, htu: [issuer, 'v1', 'sdk', ...segments.map(encodeURIComponent)].join('/') }
}

/** A subject as its owner sees it. */
export function subjectBody(subject: StoredSubject): object {
  const { id, kind, name, did, status, level, publicKey, keyProven, accountId } = subject
  return {
    id,
    name,
    did,
    domain: subject.validatedDomain ?? subject.domain ?? null,
    domainValidated: subject.validatedDomain !== undefined,
    description: subject.description ?? null,
    status,
    trustLevel: String(level),
    publicKey: publicKey === undefined ? null : Buffer.from(publicKey).toString('base64'),
    keyProven,
    orgId: accountId,
    createdAt: isoTime(subject.createdAtMs),
    updatedAt: isoTime(subject.updatedAtMs),
    ...(kind === 'agent' && { protocol: 'a2a' }),
  }
}

/** Whether a subject may act, as everybody may ask (registry.md §6.6). A deleted one is disabled for good. */
export function statusBody({ id, did, status, disabledAtMs, statusReason }: StoredSubject): object {
  return {
    did,
    id,
    status: status === 'deleted' ? 'disabled' : status,
    disabledAt: disabledAtMs === undefined ? null : isoTime(disabledAtMs),
    reason: statusReason ?? null,
  }
}
