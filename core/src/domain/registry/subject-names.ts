import type { SubjectKind } from '../../ports/registry-store.ts'
import { parseDid } from '../did/did.ts'
import { DidRefused } from '../did/did-refused.ts'
import { parseDidWeb } from '../did/did-web.ts'
import { RegistryRefused } from './registry-refused.ts'

/** Safe as a segment of a path and of a did:web, without escapes. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const COLLECTION: Readonly<Record<SubjectKind, string>> = { agent: 'agents', server: 'servers' }

/** How a registry names its subjects: by id within a kind, and by DID among all. */
export interface SubjectNames {
  /** `did:web:HOST:agents:ID` or `did:web:HOST:servers:ID`. */
  didOf(kind: SubjectKind, id: string): string
  /** Which subject a DID of this registry's namespace names; `undefined` for every other DID. */
  inNamespace(did: string): { readonly kind: SubjectKind; readonly id: string } | undefined
}

/**
 * @param issuer HTTPS origin of the registry
 * @throws {TypeError} when its host cannot stand in a did:web
 */
export function createSubjectNames(issuer: string): SubjectNames {
  const authority = issuer.slice('https://'.length).replace(':', '%3A')
  const namespace = `did:web:${authority}`
  try {
    parseDidWeb(namespace)
  } catch (cause) {
    throw new TypeError(`The issuer ${issuer} cannot stand in a did:web: it needs a host name with a dot`, { cause })
  }
  const kinds = Object.entries(COLLECTION) as [SubjectKind, string][]
  return {
    didOf: (kind, id) => `${namespace}:${COLLECTION[kind]}:${id}`,
    inNamespace(did) {
      for (const [kind, collection] of kinds) {
        const prefix = `${namespace}:${collection}:`
        const id = did.slice(prefix.length)
        if (did.startsWith(prefix) && ID.test(id)) return { kind, id }
      }
      return undefined
    },
  }
}

/** @throws {RegistryRefused} invalid_id */
export function checkSubjectId(id: string): void {
  if (ID.test(id)) return
  throw new RegistryRefused(
    'invalid_id',
    'An id has 1 to 64 letters, digits, ".", "_" or "-" and begins with a letter or digit.',
  )
}

/** @throws {RegistryRefused} invalid_did */
export function checkDid(did: string): void {
  try {
    const { method } = parseDid(did)
    if (method === 'web') parseDidWeb(did)
  } catch (cause) {
    if (!(cause instanceof DidRefused)) throw cause
    throw new RegistryRefused('invalid_did', `${cause.message}.`, { cause })
  }
}
