import { hash, timingSafeEqual } from 'node:crypto'
import { isAdminMethod } from '../service/admin-methods.ts'
import { RpcFault } from '../service/rpc-fault.ts'

/** Keeps the calls of operators to operators. */
export interface AdminGate {
  /** SHA-256 of the admin token, 32 bytes: who has it may make ordinary calls, too. */
  readonly tokenHash: Uint8Array
  /**
   * Lets every other call pass, and these: over a Unix socket, which only this user's
   * programs reach, and elsewhere with the admin token.
   *
   * @param path `/package.Service/Method`
   * @param listener that the call came in on, as the listener says and not the caller
   * @param authorization the header's values; attacker-controlled and secret
   * @throws {RpcFault} UNAUTHENTICATED without a token, PERMISSION_DENIED with a wrong one
   */
  check(path: string, listener: 'unix' | 'tcp' | 'web', authorization: readonly string[]): void
}

/** RFC 6750 §2.1. Longer tokens than ours are not hashed. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]{1,512}={0,2})$/i

const WHERE = 'the file admin-token in the state folder of the core holds it, and the Unix socket needs none'

/** @param token the admin token, in the clear; only its hash is kept */
export function createAdminGate(token: string): AdminGate {
  const known = hash('sha256', token, 'buffer')
  return {
    tokenHash: known,
    check(path, listener, authorization) {
      if (!isAdminMethod(path) || listener === 'unix') return
      // Two headers are two opinions: none of them counts.
      const [header = ''] = authorization.length === 1 ? authorization : []
      const shown = BEARER.exec(header)?.[1]
      if (shown === undefined) {
        throw new RpcFault(
          'UNAUTHENTICATED',
          `${path} wants the admin token as "authorization: Bearer TOKEN": ${WHERE}.`,
        )
      }
      // Hashes are compared, in constant time: the time does not tell how much was right.
      if (!timingSafeEqual(hash('sha256', shown, 'buffer'), known)) {
        throw new RpcFault('PERMISSION_DENIED', `This is not the admin token: ${WHERE}.`)
      }
    },
  }
}
