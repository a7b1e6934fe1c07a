import type {
  AuditEntry,
  ChangeSubjectOutcome,
  SpentProof,
  StoredSubject,
  SubjectKind,
} from '../../ports/registry-store.ts'
import { isSameKey, parseEd25519PublicKey } from '../did/ed25519-public-key.ts'
import type { RegistryEvent } from './audit-record.ts'
import { type Caller, callerName, demandOwner, demandScope, isAdmin } from './caller.ts'
import { findLivingSubject, findSubject } from './find-subject.ts'
import { type CheckedIdentity, type ClaimRequest, checkIdentity, type IdentityClaim } from './identity.ts'
import type { RegistryContext } from './registry-context.ts'
import { RegistryRefused } from './registry-refused.ts'
import { checkSubjectId } from './subject-names.ts'

/** What an owner says about a subject. Absent members of an update stay as they are. */
export interface SubjectDescription {
  readonly name?: string | undefined
  readonly domain?: string | undefined
  readonly description?: string | undefined
}

/** Agents and MCP servers: who they are, whose they are, whether they may act. */
export interface Subjects {
  /** Public. Deleted ones are found and are not active. */
  status(kind: SubjectKind, reference: string): Promise<StoredSubject>
  get(caller: Caller, kind: SubjectKind, reference: string): Promise<StoredSubject>
  /** Those of the caller's account; an administrator sees all. */
  list(caller: Caller, kind: SubjectKind): Promise<readonly StoredSubject[]>
  /** @param id chosen by the registry where it is absent */
  create(
    caller: Caller,
    kind: SubjectKind,
    id: string | undefined,
    description: SubjectDescription & { readonly name: string },
    claim: IdentityClaim,
    request: ClaimRequest,
  ): Promise<StoredSubject>
  /** Changes the description and binds the identity, where either is given. */
  update(
    caller: Caller,
    kind: SubjectKind,
    reference: string,
    description: SubjectDescription,
    claim: IdentityClaim,
    request: ClaimRequest,
  ): Promise<StoredSubject>
  /** The operator's word on who this is. A domain is needed from level 2 on. */
  setLevel(
    caller: Caller,
    kind: SubjectKind,
    reference: string,
    level: 1 | 2 | 3 | 4,
    domain: string | undefined,
  ): Promise<StoredSubject>
  /** Takes effect at once, for issuance and for whoever asks about outstanding badges. Idempotent. */
  disable(caller: Caller, kind: SubjectKind, reference: string, reason: string | undefined): Promise<StoredSubject>
  enable(caller: Caller, kind: SubjectKind, reference: string): Promise<StoredSubject>
  /** Leaves a tombstone: neither id nor DID is given to anybody again. */
  delete(caller: Caller, kind: SubjectKind, reference: string): Promise<void>
}

/** Attempts against others who change the same record. */
const MAX_ATTEMPTS = 3

const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/

/** What one attempt wants to store; `undefined` when everything is already as asked. */
interface Change {
  readonly subject: StoredSubject
  readonly event: RegistryEvent
  readonly proof?: SpentProof | undefined
}

export function createSubjects(context: RegistryContext): Subjects {
  const { store, trail, names, clock, random } = context

  function audit(event: RegistryEvent, subject: StoredSubject, caller: Caller): AuditEntry {
    const { id, did, accountId, level, status, keyProven, validatedDomain, statusReason, revision } = subject
    return trail.entry(event, {
      actor: callerName(caller),
      account: accountId,
      id,
      did,
      level,
      status,
      domain: validatedDomain,
      reason: statusReason,
      revision,
      ...(subject.publicKey !== undefined && { key_proven: keyProven }),
    })
  }

  /** Reads, decides, swaps; begins again when somebody else was faster. */
  async function change(
    caller: Caller,
    read: () => Promise<StoredSubject>,
    decide: (current: StoredSubject) => Promise<Change | undefined> | Change | undefined,
  ): Promise<StoredSubject> {
    trail.demandWritable()
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const current = await read()
      const wanted = await decide(current)
      if (wanted === undefined) return current
      const subject = { ...wanted.subject, updatedAtMs: clock.nowMs(), revision: current.revision + 1 }
      const outcome = await store.changeSubject(subject, audit(wanted.event, subject, caller), wanted.proof)
      refuseTaken(outcome)
      if (outcome === 'changed') {
        await trail.flush()
        return subject
      }
    }
    throw new RegistryRefused('conflict', 'Others keep changing this record: read it and try again.')
  }

  async function owned(caller: Caller, kind: SubjectKind, reference: string): Promise<StoredSubject> {
    const subject = await findLivingSubject(reference, kind, store)
    demandOwner(caller, subject)
    return subject
  }

  async function setStatus(
    caller: Caller,
    kind: SubjectKind,
    reference: string,
    status: 'active' | 'disabled',
    reason: string | undefined,
  ): Promise<StoredSubject> {
    return change(
      caller,
      () => owned(caller, kind, reference),
      (current) => {
        if (current.status === status) return undefined
        const disabledAtMs = status === 'disabled' ? clock.nowMs() : undefined
        const event = `${current.kind}_${status === 'active' ? 'enabled' : 'disabled'}` as const
        return { event, subject: { ...current, status, statusReason: reason, disabledAtMs } }
      },
    )
  }

  /** Agents are disabled by administrators (registry.md §6.7), servers also by their owners (§10.2). */
  function demandStatusRight(caller: Caller, kind: SubjectKind): void {
    demandScope(caller, kind === 'agent' ? 'admin' : 'servers:write')
  }

  return {
    status: (kind, reference) => findSubject(reference, kind, store),
    get: owned,

    async list(caller, kind) {
      if (caller.kind === 'badge') throw new RegistryRefused('forbidden', 'This needs an API key.')
      return store.subjects(kind, isAdmin(caller) ? undefined : caller.accountId)
    },

    async create(caller, kind, wantedId, description, claim, request) {
      const { accountId } = demandScope(caller, `${kind}s:write`)
      trail.demandWritable()
      if (wantedId !== undefined) checkSubjectId(wantedId)
      const id = wantedId ?? random.uuid()
      const name = names.didOf(kind, id)
      const identity = await checkIdentity(claim, { kind, id, did: name }, request, context)
      const nowMs = clock.nowMs()
      const subject: StoredSubject = {
        kind,
        id,
        accountId,
        did: identity?.did ?? name,
        publicKey: identity?.publicKey,
        keyProven: identity?.proof !== undefined,
        level: 1,
        validatedDomain: undefined,
        status: 'active',
        statusReason: undefined,
        disabledAtMs: undefined,
        name: description.name,
        domain: description.domain,
        description: description.description,
        createdAtMs: nowMs,
        updatedAtMs: nowMs,
        revision: 1,
      }
      const outcome = await store.addSubject(subject, audit(`${kind}_created`, subject, caller), identity?.proof)
      if (outcome === 'id-taken') throw new RegistryRefused('id_taken', `There is another ${kind} with this id.`)
      refuseTaken(outcome)
      await trail.flush()
      return subject
    },

    async update(caller, kind, reference, description, claim, request) {
      demandScope(caller, `${kind}s:write`)
      return change(
        caller,
        () => owned(caller, kind, reference),
        async (current) => {
          const identity = await checkIdentity(claim, current, request, context)
          const bound = identity && bind(current, identity)
          const described = describe(current, description)
          if (bound === undefined) return described && { subject: described, event: `${kind}_changed` }
          const subject = { ...(described ?? current), ...bound }
          return { subject, event: `${kind}_identity_bound`, proof: identity?.proof }
        },
      )
    },

    async setLevel(caller, kind, reference, level, domain) {
      demandScope(caller, 'admin')
      return change(
        caller,
        () => owned(caller, kind, reference),
        (current) => {
          const validatedDomain = domain ?? current.validatedDomain
          checkLevel(level, validatedDomain)
          if (current.level === level && current.validatedDomain === validatedDomain) return undefined
          return { event: `${current.kind}_level_set`, subject: { ...current, level, validatedDomain } }
        },
      )
    },

    async disable(caller, kind, reference, reason) {
      demandStatusRight(caller, kind)
      return setStatus(caller, kind, reference, 'disabled', reason)
    },

    async enable(caller, kind, reference) {
      demandStatusRight(caller, kind)
      return setStatus(caller, kind, reference, 'active', undefined)
    },

    async delete(caller, kind, reference) {
      demandScope(caller, `${kind}s:write`)
      await change(
        caller,
        () => owned(caller, kind, reference),
        (current) => ({
          event: `${current.kind}_deleted`,
          subject: { ...current, status: 'deleted', statusReason: 'deleted', disabledAtMs: clock.nowMs() },
        }),
      )
    },
  }
}

/**
 * Whether the level can be given with this domain.
 *
 * @throws {RegistryRefused} invalid_request
 */
export function checkLevel(level: StoredSubject['level'], domain: string | undefined): void {
  if (domain !== undefined && !DOMAIN.test(domain)) {
    throw new RegistryRefused('invalid_request', 'A domain is a host name in lower case, such as api.example.com.')
  }
  if (level >= 2 && domain === undefined) {
    throw new RegistryRefused('invalid_request', 'From level 2 on a validated domain is needed: give it as well.')
  }
}

/** What changes when an identity is bound; nothing where the same one is bound already. */
function bind(current: StoredSubject, { did, publicKey, proof }: CheckedIdentity): Partial<StoredSubject> | undefined {
  if (current.publicKey !== undefined) {
    const same = current.did === did && isSameKey(parseEd25519PublicKey(current.publicKey), publicKey)
    if (!same) {
      throw new RegistryRefused(
        'identity_already_set',
        'Another identity is bound here, and it never changes: register a new one under another id.',
      )
    }
    if (proof === undefined || current.keyProven) return undefined
  }
  return { did, publicKey, keyProven: proof !== undefined }
}

function describe(current: StoredSubject, given: SubjectDescription): StoredSubject | undefined {
  const { name = current.name, domain = current.domain, description = current.description } = given
  if (name === current.name && domain === current.domain && description === current.description) return undefined
  return { ...current, name, domain, description }
}

function refuseTaken(outcome: ChangeSubjectOutcome | 'added' | 'id-taken'): void {
  if (outcome === 'did-taken') {
    throw new RegistryRefused('did_already_bound', 'This DID is bound to another record: make a new key.')
  }
  if (outcome === 'proof-spent') {
    throw new RegistryRefused('proof_replayed', 'This registration proof was used before: make a new one.')
  }
}
