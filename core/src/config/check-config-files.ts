import { existsSync } from 'node:fs'
import { MAX_POLICY_BYTES, parsePolicyFile } from '../domain/policy/policy-file.ts'
import { PolicyRefused } from '../domain/policy/policy-refused.ts'
import { parseLocalFile } from '../domain/revocation/local-file.ts'
import { RevocationRefused } from '../domain/revocation/revocation-refused.ts'
import { parseSnapshot } from '../domain/revocation/snapshot.ts'
import { parseJwks } from '../domain/trust/jwks.ts'
import { parsePemCertificates } from '../lib/pem-certificates.ts'
import type { Config } from './config.ts'
import type { ConfigProblem } from './config-refused.ts'
import { readBoundedFile } from './read-bounded-file.ts'

/** Largest key file, in bytes (badges.md §7). */
const MAX_JWKS_BYTES = 1024 * 1024

/** Largest file of local revocations and largest snapshot, in bytes. */
const MAX_REVOCATION_BYTES = 64 * 1024 * 1024

/** Largest file with certificates, keys or tokens, in bytes. */
const MAX_CERTIFICATE_BYTES = 1024 * 1024

/**
 * Looks into the files that a configuration names, to find out before a start what would
 * be refused at the start. Nothing of them is kept.
 */
export function checkConfigFiles({
  policyFile,
  trust,
  listen,
  outbound: { caFile },
}: Config): readonly ConfigProblem[] {
  const ofListeners = [listen.tls?.certFile, listen.tls?.keyFile, listen.tls?.clientCaFile, listen.tokenFile]
  return [
    ...(policyFile === undefined ? [] : checkPolicyFile(policyFile)),
    ...checkKeyFiles(trust),
    ...(caFile === undefined ? [] : checkCertificates(caFile)),
    ...checkRevocationFiles(trust),
    ...ofListeners.flatMap((file) => (file === undefined ? [] : checkReadable(file))),
  ]
}

/** The part of it that is about the keys of issuers. */
export function checkKeyFiles({ issuers, allowEs256 }: Config['trust']): readonly ConfigProblem[] {
  const files = issuers.flatMap(({ jwksFile }) => (jwksFile === undefined ? [] : [jwksFile]))
  return files.flatMap((file) => checkKeyFile(file, allowEs256))
}

function checkRevocationFiles({ issuers, localRevocations }: Config['trust']): readonly ConfigProblem[] {
  const snapshots = issuers.flatMap(({ snapshotFile }) => (snapshotFile === undefined ? [] : [snapshotFile]))
  return [
    ...snapshots.flatMap((file) => checkFile(file, (bytes) => parseSnapshot(new TextDecoder().decode(bytes)))),
    // Made with the first revocation.
    ...(existsSync(localRevocations) ? checkFile(localRevocations, parseLocalFile) : []),
  ]
}

function checkFile(file: string, parse: (bytes: Uint8Array) => unknown): readonly ConfigProblem[] {
  let bytes: Uint8Array
  try {
    bytes = readBoundedFile(file, MAX_REVOCATION_BYTES)
  } catch (cause) {
    return [unreadable(file, cause)]
  }
  try {
    parse(bytes)
    return []
  } catch (refused) {
    if (!(refused instanceof RevocationRefused)) throw refused
    return [{ code: 'FILE_INVALID', source: file, reason: refused.message }]
  }
}

/** What they hold is looked at by the start itself. */
function checkReadable(file: string): readonly ConfigProblem[] {
  try {
    readBoundedFile(file, MAX_CERTIFICATE_BYTES)
    return []
  } catch (cause) {
    return [unreadable(file, cause)]
  }
}

function checkPolicyFile(file: string): readonly ConfigProblem[] {
  try {
    parsePolicyFile(readBoundedFile(file, MAX_POLICY_BYTES))
    return []
  } catch (refused) {
    if (!(refused instanceof PolicyRefused)) return [unreadable(file, refused)]
    return refused.problems.map(({ line, column, reason }) => ({
      code: 'FILE_INVALID',
      source: `${file}:${line}:${column}`,
      reason,
    }))
  }
}

function checkKeyFile(file: string, allowEs256: boolean): readonly ConfigProblem[] {
  let text: string
  try {
    text = new TextDecoder().decode(readBoundedFile(file, MAX_JWKS_BYTES))
  } catch (cause) {
    return [unreadable(file, cause)]
  }
  try {
    if (parseJwks(text, { allowEs256 }).length > 0) return []
    return [
      { code: 'FILE_INVALID', source: file, reason: 'The JWKS has no usable key: publish an Ed25519 signing key' },
    ]
  } catch (refused) {
    // Whatever the parser says about the file, the issuer would have no keys.
    return [
      { code: 'FILE_INVALID', source: file, reason: refused instanceof Error ? refused.message : String(refused) },
    ]
  }
}

function checkCertificates(file: string): readonly ConfigProblem[] {
  try {
    parsePemCertificates(new TextDecoder().decode(readBoundedFile(file, MAX_CERTIFICATE_BYTES)))
    return []
  } catch (cause) {
    return [unreadable(file, cause)]
  }
}

function unreadable(file: string, cause: unknown): ConfigProblem {
  const reason = `The file cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
  return { code: 'FILE_UNREADABLE', source: file, reason }
}
