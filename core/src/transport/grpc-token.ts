import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js'
import type { Telemetry } from '../ports/telemetry.ts'
import { type BearerTokens, checkBearerToken } from './bearer-token.ts'
import { toServiceError } from './fault-status.ts'
import { createReportFault } from './report-fault.ts'

/** Whoever starts and watches a core asks this, and learns nothing else. */
const HEALTH = '/grpc.health.v1.Health/'

/** Wants a token with every call of a server, reflection included, before anything of its message is looked at. */
export function requireBearerToken(tokens: BearerTokens, telemetry: Telemetry): ServerInterceptor {
  return ({ path }, call) => {
    if (path.startsWith(HEALTH)) return new ServerInterceptingCall(call)
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, pass) {
            try {
              checkBearerToken(tokens, metadata.get('authorization')[0]?.toString())
            } catch (thrown) {
              call.sendStatus(toServiceError(createReportFault(path, telemetry)(thrown)))
              return
            }
            pass(metadata)
          },
        }),
    })
  }
}
