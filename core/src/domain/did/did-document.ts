import { parseStrictJsonObject } from '../../lib/strict-json.ts'
import { DidRefused } from './did-refused.ts'
import type { Ed25519PublicKey } from './ed25519-public-key.ts'
import { parseMultibaseKey } from './multibase-key.ts'
import { parsePublicJwk } from './public-jwk.ts'

/** Longest document that is parsed, in characters (badges.md §6.5). */
const MAX_DOCUMENT_LENGTH = 65_536

type Members = Readonly<Record<string, unknown>>

/**
 * Finds the one verification method called `kid` in a DID document and returns its key.
 *
 * Ids are compared as exact strings, after a relative id (`#key-1`) is put behind the
 * document's own; the document's `id` must be `did`. Methods embedded in `authentication`
 * count like listed ones. An id that occurs twice names no key.
 *
 * @param documentText attacker-controlled JSON
 * @param did the DID that was resolved
 * @param kid a DID URL with fragment
 * @throws {DidRefused} DID_DOCUMENT_MALFORMED, DID_DOCUMENT_MISMATCH, DID_KEY_NOT_FOUND,
 *   DID_KEY_AMBIGUOUS, or the key's own refusal
 */
export function findVerificationKey(documentText: string, did: string, kid: string): Ed25519PublicKey {
  const document = parseDocument(documentText)
  if (document.id !== did) throw new DidRefused('DID_DOCUMENT_MISMATCH', 'The DID document is about another DID')
  const [method, ...others] = methodsOf(document).filter(({ id }) => absoluteId(id, did) === kid)
  if (method === undefined) throw new DidRefused('DID_KEY_NOT_FOUND', 'The DID document has no key with this id')
  if (others.length > 0) throw new DidRefused('DID_KEY_AMBIGUOUS', 'The DID document has several keys with this id')
  return keyOf(method)
}

/**
 * Every sound key that the document holds; other methods are left out.
 *
 * @param documentText attacker-controlled JSON
 * @throws {DidRefused} DID_DOCUMENT_MALFORMED, DID_DOCUMENT_MISMATCH
 */
export function findVerificationKeys(documentText: string, did: string): readonly Ed25519PublicKey[] {
  const document = parseDocument(documentText)
  if (document.id !== did) throw new DidRefused('DID_DOCUMENT_MISMATCH', 'The DID document is about another DID')
  return methodsOf(document).flatMap((method) => {
    try {
      return [keyOf(method)]
    } catch (refused) {
      if (refused instanceof DidRefused) return []
      throw refused
    }
  })
}

/**
 * Whether the document lets the key with this id authenticate its DID: `authentication` holds
 * the id, or a method with it. A key may be listed for other uses only.
 *
 * @param documentText attacker-controlled JSON
 * @throws {DidRefused} DID_DOCUMENT_MALFORMED
 */
export function isForAuthentication(documentText: string, did: string, kid: string): boolean {
  const { authentication = [] } = parseDocument(documentText)
  if (!Array.isArray(authentication)) return false
  return authentication.some((entry: unknown) => {
    const id = typeof entry === 'object' && entry !== null ? (entry as Members).id : entry
    return absoluteId(id, did) === kid
  })
}

function parseDocument(text: string): Members {
  if (text.length > MAX_DOCUMENT_LENGTH) {
    throw new DidRefused('DID_DOCUMENT_MALFORMED', `The DID document is longer than ${MAX_DOCUMENT_LENGTH} characters`)
  }
  try {
    return parseStrictJsonObject(text)
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new DidRefused('DID_DOCUMENT_MALFORMED', 'The DID document is not a JSON object', { cause })
  }
}

function methodsOf({ verificationMethod = [], authentication = [] }: Members): Members[] {
  if (!Array.isArray(verificationMethod) || !Array.isArray(authentication)) {
    throw new DidRefused('DID_DOCUMENT_MALFORMED', 'The DID document does not list its keys in arrays')
  }
  // Entries of `authentication` that are strings refer to listed methods.
  return [...verificationMethod, ...authentication].filter((entry) => typeof entry === 'object' && entry !== null)
}

function absoluteId(id: unknown, did: string): unknown {
  return typeof id === 'string' && id.startsWith('#') ? did + id : id
}

function keyOf({ publicKeyMultibase, publicKeyJwk }: Members): Ed25519PublicKey {
  // Two forms at once are forbidden (DID Core §5.2.1), and readers would differ on which counts.
  if (publicKeyMultibase !== undefined && publicKeyJwk !== undefined) {
    throw new DidRefused('KEY_MALFORMED', 'The verification method holds its key in two forms')
  }
  if (typeof publicKeyMultibase === 'string') return parseMultibaseKey(publicKeyMultibase)
  return parsePublicJwk(publicKeyJwk)
}
