import { systemRandom } from '../../core/src/adapters/crypto/system-random.ts'
import type { BadgeVerifier } from '../../core/src/domain/badge/badge-verifier.ts'
import type { AccessRequest } from '../../core/src/domain/guard/access-request.ts'
import { createApiKeyRing, hashApiKey } from '../../core/src/domain/guard/api-keys.ts'
import type { Decision } from '../../core/src/domain/guard/decision.ts'
import { type Authentication, createToolGuard, type GuardRules } from '../../core/src/domain/guard/tool-guard.ts'
import { NO_POLICY } from '../../core/src/domain/policy/policy.ts'
import { createTrustedIssuers } from '../../core/src/domain/trust/trusted-issuers.ts'
import { AUDIENCE, type BadgeWorld, createBadgeWorld, ISSUER } from './badge-world.ts'

export const API_KEY = 'open sesame'

/** A whole guard over the real rooms, in a badge world, with a log that is a list. */
export interface GuardWorld {
  readonly world: BadgeWorld
  /** What decides from the next call on. */
  rules: GuardRules
  readonly faults: readonly unknown[]
  readonly records: readonly Readonly<Record<string, unknown>>[]
  /** Asks for `read_file` as nobody, with changes. */
  ask(changes?: Partial<AccessRequest>): Promise<Decision>
  /** Asks who calls at `/mcp`, nobody unless changed. */
  authenticate(changes?: Partial<AccessRequest>): Promise<Authentication>
}

/** Trusts the sample issuer and any self-signed badge, has a name, knows one API key. */
export const SAMPLE_RULES: GuardRules = {
  policy: NO_POLICY,
  issuers: createTrustedIssuers({ issuers: [ISSUER], levelZeroKeys: [], acceptLevelZero: true }),
  audience: { own: [AUDIENCE], required: false },
  apiKeys: createApiKeyRing([{ name: 'alice', hash: hashApiKey(API_KEY) }]),
}

const ANONYMOUS: Omit<AccessRequest, 'toolName'> = {
  paramsHash: '',
  serverOrigin: '',
  credential: { kind: 'anonymous' },
  demands: undefined,
  requestPolicyVersion: '',
  traceparent: '',
  sdk: '',
}

export function createGuardWorld({
  world = createBadgeWorld(),
  badges = world.verifier(),
  uuid = systemRandom.uuid,
}: {
  readonly world?: BadgeWorld
  readonly badges?: BadgeVerifier
  readonly uuid?: () => string
} = {}): GuardWorld {
  const faults: unknown[] = []
  const records: Record<string, unknown>[] = []
  const guard = createToolGuard({
    rules: () => self.rules,
    badges,
    evidence: {
      origin: 'log.example/1',
      append: async (leaf) => ({ index: records.push(JSON.parse(new TextDecoder().decode(leaf))) - 1 }),
    },
    openCalls: { add: () => undefined },
    clock: world.clock,
    random: { ...systemRandom, uuid },
    telemetry: { decided: () => undefined, fault: ({ cause }) => void faults.push(cause) },
    coreVersion: '1.2.3',
  })
  const self: GuardWorld = {
    world,
    rules: SAMPLE_RULES,
    faults,
    records,
    ask: (changes) => guard.evaluate({ ...ANONYMOUS, toolName: 'read_file', ...changes }),
    authenticate: (changes) => guard.authenticate({ ...ANONYMOUS, toolName: '/mcp', ...changes }),
  }
  return self
}
