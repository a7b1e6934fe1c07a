import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RpcFault } from '../../../core/src/service/rpc-fault.ts'
import { checkBearerToken } from '../../../core/src/transport/bearer-token.ts'

const FIRST = 'f'.repeat(32)
const SECOND = 'Zz09-._~+/'.repeat(4)
const tokens = {
  hashes: () => [FIRST, SECOND].map((token) => new Uint8Array(createHash('sha256').update(token).digest())),
}

function refusal(header: string | undefined): RpcFault | undefined {
  try {
    checkBearerToken(tokens, header)
    return undefined
  } catch (fault) {
    expect(fault).toBeInstanceOf(RpcFault)
    return fault as RpcFault
  }
}

describe('a bearer token', () => {
  it.each([`Bearer ${FIRST}`, `Bearer ${SECOND}`, `bearer ${FIRST}`, `BEARER   ${FIRST}`])(
    'lets in with %j',
    (header) => {
      expect(refusal(header)).toBeUndefined()
    },
  )

  it.each([
    undefined,
    '',
    FIRST,
    'Bearer',
    'Bearer ',
    `Bearer ${FIRST}f`,
    `Bearer ${FIRST.slice(1)}`,
    `Bearer ${FIRST} `,
    ` Bearer ${FIRST}`,
    `Bearer ${FIRST}, Bearer ${SECOND}`,
    `Bearer ${FIRST}\n`,
    `Basic ${FIRST}`,
    `Bearer ${FIRST.toUpperCase()}`,
    `Bearer ${'f'.repeat(100_000)}`,
  ])('keeps out with %j', (header) => {
    expect(refusal(header)?.code).toBe('UNAUTHENTICATED')
  })

  it('that is refused is not repeated in the refusal', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9]{16,64}$/), (token) => {
        const fault = refusal(`Bearer ${token}`)
        expect(fault?.code).toBe('UNAUTHENTICATED')
        expect(fault?.message).not.toContain(token)
      }),
    )
  })

  it('lets nobody in where none is configured', () => {
    expect(() => checkBearerToken({ hashes: () => [] }, `Bearer ${FIRST}`)).toThrow(RpcFault)
  })
})
