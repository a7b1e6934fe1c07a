import { CapiscioError } from '../sdk/errors.ts'
import { redactSecrets } from '../sdk/redact.ts'
import { type IssuedBadge, isObject, readIssuedBadge } from './issued-badge.ts'
import { type Prover, signOwnershipProof } from './ownership-proof.ts'
import { publicKeyBytesText } from './public-key-text.ts'
import { RegistrationError } from './registration-error.ts'

/** One request, ready to be sent. */
export interface RegistryRequest {
  readonly url: string
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface RegistryResponse {
  readonly status: number
  /** Value of `Retry-After`, where there is one. */
  readonly retryAfter?: string | undefined
  readonly body: string
}

export interface RegistryClientOptions {
  /** Where the registry is reached, without a final slash. */
  readonly url: string
  /** HTTPS origin that its badges name, which proofs are made for. Default: the origin of `url`. */
  readonly issuer?: string | undefined
  /** Sent with every request. Absent sends none. */
  readonly apiKey?: string | undefined
  /** Sends one request, without following redirects and with limits in size and time. Rejects without an answer. */
  readonly send: (request: RegistryRequest) => Promise<RegistryResponse>
  readonly nowMs: () => number
  /** Never twice the same. */
  readonly uuid: () => string
}

/** A DID and its public key. */
export interface RegisteringIdentity {
  readonly did: string
  /** PEM (SPKI), a JWK as JSON text, or base64 of 32 bytes. */
  readonly publicKey: string
  /** Proves possession of the private key. Absent registers unproven. */
  readonly prover?: Prover | undefined
}

/** An agent or MCP server as the registry has it now. */
export interface RegisteredSubject {
  readonly id: string
  readonly did: string
  /** Whether the registry saw a proof of possession. */
  readonly proven: boolean
  /** Whether the same identity was registered before. */
  readonly alreadyRegistered: boolean
  /** Account that it belongs to; undefined where the registry does not say. */
  readonly orgId: string | undefined
}

/** What a badge is asked to be. Absent members are up to the registry. */
export interface BadgeTerms {
  /** Seconds; registries give 60 to 3600, and 300 unless asked. */
  readonly ttlSeconds?: number | undefined
  readonly audience?: readonly string[] | undefined
  /** At most the level that the registry validated. Only for badges without a proof. */
  readonly level?: number | undefined
  /** For registries that ask for it. */
  readonly domain?: string | undefined
}

/** All calls reject with `RegistrationError`. Nothing is tried twice. */
export interface RegistryClient {
  /** Binds an identity to a record (registry.md §10). Doing it again changes nothing. */
  register(subject: RegistrySubject, identity: RegisteringIdentity): Promise<RegisteredSubject>
  /** Makes a record, with its identity. `reference` is the id that it gets. */
  create(subject: RegistrySubject, name: string, identity: RegisteringIdentity): Promise<RegisteredSubject>
  /** A badge on the word of the account: IAL-0. */
  requestBadge(subject: RegistrySubject, terms: BadgeTerms): Promise<IssuedBadge>
  /** A badge for a proof of possession: IAL-1 (RFC-003). Agents and servers alike. */
  requestProvenBadge(did: string, prover: Prover, terms: BadgeTerms): Promise<IssuedBadge>
}

/** Of whom a record or a badge is: id or DID. */
export interface RegistrySubject {
  readonly kind: 'agent' | 'server'
  readonly reference: string
}

type Body = Readonly<Record<string, unknown>>

/** Longest text of a registry that enters a message. */
const MAX_QUOTED = 300

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { url, apiKey, send, nowMs, uuid } = options
  const issuer = options.issuer ?? new URL(url).origin

  async function ask(method: RegistryRequest['method'], path: string, body?: object): Promise<Body> {
    const request: RegistryRequest = {
      url: `${url}${path}`,
      method,
      headers: {
        accept: 'application/json',
        ...(apiKey !== undefined && { 'x-capiscio-registry-key': apiKey }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
    const answer = await send(request).catch((cause: unknown) => {
      if (cause instanceof CapiscioError) throw cause
      const reason = redactSecrets(cause instanceof Error ? cause.message : String(cause), secrets())
      throw new RegistrationError('REGISTRY_UNREACHABLE', `The registry at ${url} gave no answer: ${reason}`)
    })
    const { status } = answer
    const parsed = parse(answer.body)
    if (status < 200 || status > 299) throw refused(answer, parsed)
    if (parsed === undefined) {
      throw new RegistrationError(
        'REGISTRY_ANSWER_INVALID',
        `${url} answered something that is no JSON object: is it a registry?`,
        { statusCode: status },
      )
    }
    return parsed
  }

  function secrets(): readonly string[] {
    return apiKey === undefined ? [] : [apiKey]
  }

  /** Older registries say only `error`, as text. */
  function refused({ status, retryAfter }: RegistryResponse, body: Body = {}): RegistrationError {
    const said = [body.message, body.error].find((value) => typeof value === 'string') ?? ''
    const quoted = redactSecrets(String(said), secrets()).replace(/\p{C}/gu, ' ').slice(0, MAX_QUOTED)
    const registryCode = typeof body.error === 'string' && /^\w{1,64}$/.test(body.error) ? body.error : undefined
    const seconds = /^[0-9]{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined
    return new RegistrationError(
      'REGISTRY_REFUSED',
      `The registry at ${url} refused (${status}${registryCode === undefined ? '' : ` ${registryCode}`})${advice(status)}${quoted === '' ? '.' : `: ${quoted}`}`,
      { statusCode: status, registryCode, retryAfterMs: seconds === undefined ? undefined : seconds * 1000 },
    )
  }

  async function proofOf(method: 'POST' | 'PUT', path: string, { did, prover }: RegisteringIdentity) {
    if (prover === undefined) return undefined
    const subject = { did, audience: issuer, htm: method, htu: `${issuer}${path}` } as const
    return signOwnershipProof(subject, prover, nowMs(), uuid())
  }

  async function bind(
    method: 'POST' | 'PUT',
    path: string,
    identity: RegisteringIdentity,
    more: object,
  ): Promise<Body> {
    const { did, publicKey } = identity
    const proof = await proofOf(method, path, identity)
    return ask(method, path, { ...more, did, publicKey, ...(proof !== undefined && { proof }) })
  }

  function pathOf({ kind, reference }: RegistrySubject): string {
    return `/v1/sdk/${kind}s/${encodeURIComponent(reference)}`
  }

  /** Whether the record holds this identity. */
  function holds(record: Body, { did, publicKey }: RegisteringIdentity): boolean {
    const wanted = publicKeyBytesText(publicKey)
    const stored = typeof record.publicKey === 'string' ? publicKeyBytesText(record.publicKey) : undefined
    return record.did === did && wanted !== undefined && stored === wanted
  }

  function toSubject(id: string, record: Body, identity: RegisteringIdentity, already: boolean): RegisteredSubject {
    return {
      id: typeof record.id === 'string' ? record.id : id,
      did: identity.did,
      proven: record.keyProven === true,
      alreadyRegistered: already,
      orgId: typeof record.orgId === 'string' ? record.orgId : undefined,
    }
  }

  return {
    async register(subject, identity) {
      const path = pathOf(subject)
      // Asked before, because the answer to PUT is the same for a new identity and for one that was there.
      const before = await ask('GET', path).then(dataOf, () => undefined)
      try {
        const stored = dataOf(await bind('PUT', path, identity, {}))
        return toSubject(subject.reference, stored, identity, before !== undefined && holds(before, identity))
      } catch (refusal) {
        if (!(refusal instanceof RegistrationError) || refusal.statusCode !== 409) throw refusal
        // Some registries answer 409 whenever an identity is there. It is no success unless it is ours.
        const stored = await ask('GET', path).then(dataOf, () => undefined)
        if (stored === undefined || !holds(stored, identity)) throw refusal
        return toSubject(subject.reference, stored, identity, true)
      }
    },

    async create({ kind, reference: id }, name, identity) {
      const stored = dataOf(await bind('POST', `/v1/sdk/${kind}s`, identity, { id, name }))
      return toSubject(id, stored, identity, false)
    },

    async requestBadge({ kind, reference }, { ttlSeconds, audience, level, domain }) {
      const collection = kind === 'agent' ? '/v1/agents' : '/v1/sdk/servers'
      return readIssuedBadge(
        await ask('POST', `${collection}/${encodeURIComponent(reference)}/badge`, {
          mode: 'ial0',
          ...(ttlSeconds !== undefined && { ttl: ttlSeconds }),
          ...(audience !== undefined && audience.length > 0 && { badge_aud: audience }),
          ...(level !== undefined && { trustLevel: String(level) }),
          ...(domain !== undefined && { domain }),
        }),
      )
    },

    async requestProvenBadge(did, prover, { ttlSeconds, audience }) {
      const path = `/v1/agents/${encodeURIComponent(did)}/badge`
      const challenge = await ask('POST', `${path}/challenge`, {
        ...(ttlSeconds !== undefined && { badge_ttl: ttlSeconds }),
        ...(audience !== undefined && audience.length > 0 && { badge_aud: audience }),
      })
      const { challenge_id: id, nonce, htu, htm } = challenge
      const proofAudience = challenge.proof_aud ?? challenge.aud
      const expiresAtMs = Date.parse(String(challenge.challenge_expires_at ?? challenge.expires_at))
      if (typeof id !== 'string' || typeof nonce !== 'string' || typeof htu !== 'string' || Number.isNaN(expiresAtMs)) {
        throw badChallenge('it lacks challenge_id, nonce, htu or its end')
      }
      // A proof for another registry must not be had here: whoever got it would get a badge there.
      if (proofAudience !== issuer) throw badChallenge(`it is for another registry than ${issuer}`)
      if (!htu.startsWith(`${issuer}/`) || htm !== 'POST') throw badChallenge('it is for another request')
      const subject = { did, audience: issuer, htm: 'POST', htu, challenge: { id, nonce, expiresAtMs } } as const
      const proof = await signOwnershipProof(subject, prover, nowMs(), uuid())
      return readIssuedBadge(await ask('POST', path, { mode: 'ial1', challenge_id: id, proof_jws: proof }))
    },
  }
}

function parse(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function dataOf(body: Body): Body {
  return isObject(body.data) ? body.data : body
}

function advice(status: number): string {
  if (status === 401) return ': its API key is missing or unknown there'
  if (status === 403) return ': the API key may not do this'
  if (status === 404) return ': there is no such record'
  return ''
}

function badChallenge(reason: string): RegistrationError {
  return new RegistrationError('REGISTRY_ANSWER_INVALID', `The registry's challenge is not answered: ${reason}.`)
}
