import type { RegistryStore, StoredSubject, SubjectKind } from '../../ports/registry-store.ts'
import { RegistryRefused } from './registry-refused.ts'
import { checkDid, type SubjectNames } from './subject-names.ts'

/**
 * Finds what a path names: a DID where it begins with `did:`, which may be that of an agent or
 * of a server, and otherwise an id within the kind. A subject with another bound identity is
 * not found under the name that it had before.
 *
 * @param reference attacker-controlled
 * @throws {RegistryRefused} invalid_did; agent_not_found or server_not_found
 */
export async function findSubject(
  reference: string,
  kind: SubjectKind,
  store: Pick<RegistryStore, 'subject' | 'subjectByDid'>,
): Promise<StoredSubject> {
  const isDid = reference.startsWith('did:')
  if (isDid) checkDid(reference)
  const subject = isDid ? await store.subjectByDid(reference) : await store.subject(kind, reference)
  if (subject === undefined) throw notFound(kind)
  return subject
}

/** The same for those who may change it: a deleted subject is gone for them. */
export async function findLivingSubject(...args: Parameters<typeof findSubject>): Promise<StoredSubject> {
  const subject = await findSubject(...args)
  if (subject.status === 'deleted') throw notFound(args[1])
  return subject
}

/** @throws {RegistryRefused} agent_disabled, for everything but exactly `active` */
export function demandActive({ status, kind }: Pick<StoredSubject, 'status' | 'kind'>): void {
  if (status === 'active') return
  throw new RegistryRefused('agent_disabled', `The ${kind} is ${status}: the registry's operator can enable it.`)
}

export function notFound(kind: SubjectKind): RegistryRefused {
  return new RegistryRefused(`${kind}_not_found`, `This registry knows no such ${kind}.`)
}

/** The text of the document of a subject in the registry's own namespace, or `undefined`. */
export async function ownSubjectOf(
  did: string,
  names: SubjectNames,
  store: Pick<RegistryStore, 'subject'>,
): Promise<StoredSubject | undefined> {
  const named = names.inNamespace(did)
  if (named === undefined) return undefined
  const subject = await store.subject(named.kind, named.id)
  return subject?.did === did && subject.status !== 'deleted' ? subject : undefined
}
