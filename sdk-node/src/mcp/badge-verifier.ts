import { readOptions, requireTimeoutMs } from '@capiscio/proto/sdk'
import { authenticateCaller } from '../authenticate-caller.ts'
import { CallerCredential } from '../caller-credential.ts'
import type { CoreClient } from '../client.ts'
import { getDefaultCoreClient } from '../default-client.ts'
import { type BadgeAuthInfo, badgeAuthInfo } from './badge-auth-info.ts'
import { isUndecided } from './gate-refusal.ts'

/** Options of `createBadgeVerifier`. */
export interface BadgeVerifierOptions {
  /**
   * Makes the error by which the MCP SDK knows a bad token: of v2
   * `(message) => new OAuthError(OAuthErrorCode.InvalidToken, message)`, of v1
   * `(message) => new InvalidTokenError(message)`.
   */
  readonly invalidToken: (message: string) => Error
  /** Path of the endpoint, for the record of a refusal. Default `/`. */
  readonly endpoint?: string | undefined
  /** URL origin of the server, for the record of a refusal. */
  readonly serverOrigin?: string | undefined
  /** Milliseconds until an answer of the core is given up. Default: the client's, 10 000. */
  readonly timeoutMs?: number | undefined
  /** The core to ask. Default: the process's own client. */
  readonly client?: CoreClient | undefined
}

const NAMES = ['invalidToken', 'endpoint', 'serverOrigin', 'timeoutMs', 'client'] as const

/**
 * A token verifier for `requireBearerAuth` of either MCP SDK whose tokens are trust badges. The
 * core verifies each badge and records each refusal. Handlers find the caller in `authInfo`.
 *
 * ```ts
 * const invalidToken = (message: string) => new OAuthError(OAuthErrorCode.InvalidToken, message)
 * const authenticate = requireBearerAuth({ verifier: createBadgeVerifier({ invalidToken }) })
 * ```
 *
 * @throws TypeError for wrong options.
 */
export function createBadgeVerifier(options: BadgeVerifierOptions): {
  verifyAccessToken(token: string): Promise<BadgeAuthInfo>
} {
  readOptions(options, NAMES, 'The options of createBadgeVerifier')
  const { invalidToken, endpoint = '/', serverOrigin, timeoutMs, client } = options
  if (typeof invalidToken !== 'function') throw new TypeError('invalidToken must be a function that makes the error.')
  if (!endpoint.startsWith('/')) throw new TypeError('endpoint must be a path that begins with "/".')
  if (timeoutMs !== undefined) requireTimeoutMs(timeoutMs)
  return {
    async verifyAccessToken(token) {
      const credential = new CallerCredential({ badge: token })
      const asked = { endpoint, credential, serverOrigin, timeoutMs, client: client ?? getDefaultCoreClient() }
      const answer = await authenticateCaller(asked)
      if ('caller' in answer) return badgeAuthInfo(token, answer.caller)
      // The badge may be good: whoever shows it should come again, not get another one.
      if (isUndecided(answer.refusal.reason)) throw new Error('There was no decision about the badge.')
      throw invalidToken(`The badge was refused: ${answer.refusal.reason}`)
    },
  }
}
