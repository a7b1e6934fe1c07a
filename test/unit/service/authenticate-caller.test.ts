import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { timestampDate } from '@bufbuild/protobuf/wkt'
import { AuthenticateCallerRequestSchema, AuthLevel } from '@capiscio/proto/core/v1'
import { describe, expect, it } from 'vitest'
import { createAllowedToolsCompiler } from '../../../core/src/domain/policy/allowed-tools.ts'
import { decodeAuthenticateCaller, encodeAuthentication } from '../../../core/src/service/authenticate-caller.ts'
import { RpcFault } from '../../../core/src/service/rpc-fault.ts'

const compiler = createAllowedToolsCompiler({ maxLists: 8, maxCharacters: 10_000 })
const decode = (fields: MessageInitShape<typeof AuthenticateCallerRequestSchema>, traceparent?: string) =>
  decodeAuthenticateCaller(create(AuthenticateCallerRequestSchema, fields), compiler, traceparent)

function fieldsRefused(fields: MessageInitShape<typeof AuthenticateCallerRequestSchema>): string[] {
  try {
    decode(fields)
  } catch (fault) {
    if (!(fault instanceof RpcFault) || fault.code !== 'INVALID_ARGUMENT') throw fault
    return fault.violations.map(({ field }) => field)
  }
  return []
}

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

describe('the question who calls', () => {
  it('becomes one about the endpoint', () => {
    const request = decode(
      {
        endpoint: '/mcp',
        credential: { case: 'badgeJws', value: 'a.b.c' },
        config: { requireBadge: true, acceptLevelZero: true },
        serverOrigin: 'https://mcp.example',
        sdk: 'test/1',
      },
      TRACE,
    )
    expect(request).toMatchObject({
      toolName: '/mcp',
      credential: { kind: 'badge', token: 'a.b.c' },
      demands: { requireBadge: true, acceptLevelZero: true },
      serverOrigin: 'https://mcp.example',
      sdk: 'test/1',
      traceparent: TRACE,
    })
    expect(decode({ endpoint: '/', traceparent: TRACE }, 'other')).toMatchObject({
      credential: { kind: 'anonymous' },
      demands: undefined,
      traceparent: TRACE,
    })
  })

  it('is refused with the names of all its wrong fields', () => {
    expect(fieldsRefused({ endpoint: `/${'a'.repeat(1023)}` })).toEqual([])
    expect(fieldsRefused({ endpoint: `/${'a'.repeat(1024)}` })).toEqual(['endpoint'])
    expect(fieldsRefused({ endpoint: 'read_file' })).toEqual(['endpoint'])
    expect(fieldsRefused({ endpoint: '/', config: { allowedTools: ['read_*'] } })).toEqual(['config.allowed_tools'])
    expect(fieldsRefused({ endpoint: 'x', config: { minTrustLevel: 5 }, sdk: 'x'.repeat(129) })).toEqual([
      'endpoint',
      'sdk',
      'config.min_trust_level',
    ])
  })
})

describe('the answer who calls', () => {
  it('says what the badge says', () => {
    const principal = { name: 'did:web:a.example', badgeJti: 'j', trustLevel: 0, ial: 1 } as const
    const { result } = encodeAuthentication({
      authLevel: 'badge',
      caller: { principal, issuer: 'https://ca.example', expiresAt: 1_800_000_000 },
    })
    expect(result).toMatchObject({
      case: 'caller',
      value: { principal: 'did:web:a.example', authLevel: AuthLevel.BADGE, badgeJti: 'j', trustLevel: 0, ial: 1 },
    })
    const value = result?.value as { issuer: string; expiresAt: Parameters<typeof timestampDate>[0] }
    expect(value.issuer).toBe('https://ca.example')
    expect(timestampDate(value.expiresAt).getTime()).toBe(1_800_000_000_000)
  })

  it('names nobody for an anonymous caller', () => {
    const principal = { name: '', badgeJti: undefined, trustLevel: undefined, ial: undefined }
    const { result } = encodeAuthentication({ authLevel: 'anonymous', caller: { principal } })
    expect(result).toEqual({
      case: 'caller',
      value: { principal: '', authLevel: AuthLevel.ANONYMOUS, badgeJti: '', issuer: '' },
    })
  })
})
