import { MAX_POLICY_BYTES, parsePolicyFile } from '../domain/policy/policy-file.ts'
import { PolicyRefused } from '../domain/policy/policy-refused.ts'
import { parseJwks } from '../domain/trust/jwks.ts'
import { parsePemCertificates } from '../lib/pem-certificates.ts'
import type { Config } from './config.ts'
import type { ConfigProblem } from './config-refused.ts'
import { readBoundedFile } from './read-bounded-file.ts'

/** Largest key file, in bytes (badges.md §7). */
const MAX_JWKS_BYTES = 1024 * 1024

/** Largest file with certificates, in bytes. */
const MAX_CERTIFICATE_BYTES = 1024 * 1024

/**
 * Looks into the files that a configuration names, to find out before a start what would
 * be refused at the start. Nothing of them is kept.
 */
export function checkConfigFiles({ policyFile, trust, outbound: { caFile } }: Config): readonly ConfigProblem[] {
  const keyFiles = trust.issuers.flatMap(({ jwksFile }) => (jwksFile === undefined ? [] : [jwksFile]))
  return [
    ...(policyFile === undefined ? [] : checkPolicyFile(policyFile)),
    ...keyFiles.flatMap((file) => checkKeyFile(file, trust.allowEs256)),
    ...(caFile === undefined ? [] : checkCertificates(caFile)),
  ]
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
