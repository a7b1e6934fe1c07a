import { inspect } from 'node:util'
import { AuthLevel, CredentialError } from '@capiscio/proto/sdk'

/** A badge, or a function that gives the current one; it is called once for each decision. */
export type BadgeSource = string | (() => string | Promise<string>)

/** What a caller shows: a trust badge (compact JWS) or an API key, never both. */
export type CredentialInput = PlainCredential | CallerCredential

export type PlainCredential =
  | { readonly badge: BadgeSource; readonly apiKey?: undefined }
  | { readonly apiKey: string; readonly badge?: undefined }

/**
 * A checked credential. Its secret lives in a private field and comes out only of
 * `reveal()`: a getter would be run by some inspectors. Printing, logging, cloning or
 * serializing the object shows the kind.
 */
export class CallerCredential {
  /** Which of the two it is. */
  readonly kind: 'badge' | 'apiKey'
  readonly #secret: BadgeSource

  /** @throws TypeError for both kinds at once, neither, an empty value or another type. */
  constructor(input: PlainCredential) {
    if (typeof input !== 'object' || input === null) {
      throw new TypeError('A credential is { badge } or { apiKey }; undefined means an anonymous caller.')
    }
    const { badge, apiKey } = input
    if (badge !== undefined && apiKey !== undefined) {
      throw new TypeError('A credential is a badge or an API key: give one of them, not both.')
    }
    if (badge === undefined && apiKey === undefined) {
      throw new TypeError('A credential needs a badge or an apiKey, and both are undefined.')
    }
    if (badge !== undefined && typeof badge !== 'function') requireText(badge, 'badge')
    if (apiKey !== undefined) requireText(apiKey, 'apiKey')
    this.kind = badge !== undefined ? 'badge' : 'apiKey'
    this.#secret = badge ?? apiKey ?? ''
    Object.freeze(this)
  }

  /** The secret itself: the badge or its callback, or the API key. Never log it. */
  reveal(): BadgeSource {
    return this.#secret
  }

  /** The kind as evidence records spell it. */
  get authLevel(): AuthLevel {
    return this.kind === 'badge' ? AuthLevel.BADGE : AuthLevel.API_KEY
  }

  /** What `JSON.stringify` sees: the kind, not the secret. */
  toJSON(): { kind: string; secret: string } {
    return { kind: this.kind, secret: '[redacted]' }
  }

  /** What `console.log` and `util.inspect` see. */
  [inspect.custom](): string {
    return `CallerCredential { kind: '${this.kind}', secret: [redacted] }`
  }
}

/** A checked credential from either form. The same object comes back if it was checked before. */
export function toCallerCredential(input: CredentialInput): CallerCredential {
  return input instanceof CallerCredential ? input : new CallerCredential(input)
}

/**
 * The credential's current secret text.
 *
 * @throws CredentialError when the badge callback fails or gives no badge. Falling back to
 * an anonymous call would let a tool without a minimum run for nobody.
 */
export async function resolveSecret(credential: CallerCredential): Promise<string> {
  const source = credential.reveal()
  if (typeof source === 'string') return source
  let current: unknown
  try {
    current = await source()
  } catch (cause) {
    throw new CredentialError('The badge callback failed, so no decision was asked for. See the cause.', { cause })
  }
  return requireBadge(current)
}

/**
 * The same at once, for callers that block.
 *
 * @throws CredentialError also when the badge callback is asynchronous: its answer could not
 * arrive while the thread waits for it.
 */
export function resolveSecretSync(credential: CallerCredential): string {
  const source = credential.reveal()
  if (typeof source === 'string') return source
  let current: unknown
  try {
    current = source()
  } catch (cause) {
    throw new CredentialError('The badge callback failed, so no decision was asked for. See the cause.', { cause })
  }
  if (current instanceof Promise) {
    current.catch(() => undefined)
    throw new CredentialError('A synchronous call needs a badge callback that answers at once, such as keeper.current.')
  }
  return requireBadge(current)
}

function requireBadge(current: unknown): string {
  if (typeof current === 'string' && current !== '' && current.isWellFormed()) return current
  throw new CredentialError('The badge callback must give a non-empty string; no decision was asked for.')
}

function requireText(value: unknown, name: string): void {
  if (typeof value !== 'string') throw new TypeError(`The ${name} of a credential must be a string.`)
  if (value === '') throw new TypeError(`The ${name} of a credential is empty: leave the credential out instead.`)
  if (!value.isWellFormed()) throw new TypeError(`The ${name} of a credential holds a lone surrogate.`)
}
