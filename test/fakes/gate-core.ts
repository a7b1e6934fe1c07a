import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  type AuthenticateCallerRequest,
  type AuthenticateCallerResponse,
  AuthenticateCallerResponseSchema,
  AuthLevel,
  DenyReason,
  Outcome,
} from '@capiscio/proto/core/v1'
import type { CoreClient } from '../../sdk-node/src/client.ts'
import { createScriptedClient } from './scripted-client.ts'

type Answer = MessageInitShape<typeof AuthenticateCallerResponseSchema>

/** What a core makes of one question. */
export type GateScript = (request: AuthenticateCallerRequest) => Answer | Promise<Answer>

export const GOOD_BADGE = 'good.badge.level2'
export const EXPIRES_AT = 1_800_000_000

/** What a core says of a caller whose badge is good. */
export const ACCEPTED = {
  case: 'caller',
  value: {
    principal: 'did:web:agents.example:a',
    authLevel: AuthLevel.BADGE,
    badgeJti: 'jti-1',
    issuer: 'https://ca.example',
    trustLevel: 2,
    ial: 1,
    expiresAt: timestampFromMs(EXPIRES_AT * 1000 + 999),
  },
} as const

/** What it says of one whom it refuses. */
export const refused = (reason: keyof typeof DenyReason, code: string) =>
  ({
    case: 'refusal',
    value: { outcome: Outcome.DENY, reason: DenyReason[reason], code, message: 'Because.', evidenceId: 'e-1' },
  }) as const

/** A core that accepts exactly `GOOD_BADGE`, or does as the script says. */
export function createGateCore(script?: GateScript) {
  const asked: AuthenticateCallerRequest[] = []
  const byBadge = ({ credential }: AuthenticateCallerRequest): Answer => {
    if (credential.value === GOOD_BADGE) return { result: ACCEPTED }
    if (credential.value === undefined) return { result: refused('BADGE_MISSING', 'TOOL_AUTH_MISSING') }
    return { result: refused('BADGE_EXPIRED', 'TOOL_BADGE_INVALID') }
  }
  const client: CoreClient = Object.assign(createScriptedClient(), {
    async authenticateCaller(request: AuthenticateCallerRequest): Promise<AuthenticateCallerResponse> {
      asked.push(request)
      return create(AuthenticateCallerResponseSchema, await (script ?? byBadge)(request))
    },
  })
  return { client, asked }
}
