import { readFile } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import { createApiKeyRing } from '../domain/guard/api-keys.ts'
import type { GuardRules } from '../domain/guard/tool-guard.ts'
import { NO_POLICY } from '../domain/policy/policy.ts'
import { parsePolicyFile } from '../domain/policy/policy-file.ts'
import { PolicyRefused } from '../domain/policy/policy-refused.ts'
import { createTrustedIssuers } from '../domain/trust/trusted-issuers.ts'
import { StartRefused } from '../start-refused.ts'

/**
 * Reads everything that decides into one value, so that each decision sees one version.
 *
 * @throws {StartRefused} when the policy file cannot be read or is not a policy
 */
export async function loadGuardRules({ policyFile, trust, apiKeys }: Config): Promise<GuardRules> {
  return {
    policy: policyFile === undefined ? NO_POLICY : await loadPolicy(policyFile),
    issuers: createTrustedIssuers({ ...trust, issuers: trust.issuers.map(({ issuer }) => issuer) }),
    audience: { own: trust.audience, required: trust.requireAudience },
    apiKeys: createApiKeyRing(apiKeys),
  }
}

async function loadPolicy(path: string) {
  try {
    return parsePolicyFile(await readFile(path))
  } catch (cause) {
    if (cause instanceof PolicyRefused)
      throw new StartRefused(`The policy file ${path} is refused: ${cause.message}`, { cause })
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StartRefused(`The policy file ${path} cannot be read: ${reason}`, { cause })
  }
}
