import { AdminService, CoreService } from '@capiscio/proto/core/v1'
import { RevocationService, TrustStoreService } from '@capiscio/proto/v1'
import { describe, expect, it } from 'vitest'
import { isAdminMethod } from '../../../core/src/service/admin-methods.ts'
import { isPrivilegedMethod } from '../../../core/src/service/privileged-methods.ts'
import { implementService } from '../../../core/src/service/service-implementation.ts'
import { createAdminGate } from '../../../core/src/transport/admin-gate.ts'
import { createListeners } from '../../../core/src/transport/listeners.ts'
import { refusalOf } from '../../tools/refusal.ts'

const TOKEN = 'sN4-_o6mRzH0kYQwq2t8bJ5xVfLd7uEiGcAa1B3C9Dg'
const RELOAD = '/capiscio.core.v1.AdminService/Reload'
const PASSED = { returned: undefined }
const gate = createAdminGate(TOKEN)
const check = (listener: 'unix' | 'tcp' | 'web', ...authorization: string[]) =>
  refusalOf(() => gate.check(RELOAD, listener, authorization))

describe('the gate for operators', () => {
  it.each(['tcp', 'web'] as const)('lets the admin token pass on %s, and nothing else', (listener) => {
    expect(check(listener, `Bearer ${TOKEN}`)).toEqual(PASSED)
    expect(check(listener, `bearer  ${TOKEN}`)).toEqual(PASSED)
    for (const wrong of [TOKEN.slice(1), `${TOKEN}A`, TOKEN.toLowerCase(), 'A'.repeat(512)]) {
      expect(check(listener, `Bearer ${wrong}`)).toBe('RpcFault PERMISSION_DENIED')
    }
    for (const none of [
      '',
      TOKEN,
      'Bearer',
      'Bearer ',
      `Basic ${TOKEN}`,
      `Bearer ${'A'.repeat(513)}`,
      `Bearer ${TOKEN} x`,
    ]) {
      expect(check(listener, none)).toBe('RpcFault UNAUTHENTICATED')
    }
    expect(check(listener)).toBe('RpcFault UNAUTHENTICATED')
    expect(check(listener, `Bearer ${TOKEN}`, `Bearer ${TOKEN}`)).toBe('RpcFault UNAUTHENTICATED')
  })

  it('wants nothing over a Unix socket', () => expect(check('unix')).toEqual(PASSED))

  it('says where the token is, and never what it is', () => {
    for (const header of ['', `Bearer ${TOKEN.slice(1)}`]) {
      expect(() => gate.check(RELOAD, 'tcp', [header])).toThrow('admin-token')
      expect(() => gate.check(RELOAD, 'tcp', [header])).not.toThrow(TOKEN.slice(1))
    }
  })

  it('is for calls of operators only', () => {
    const paths = [AdminService, RevocationService, TrustStoreService, CoreService].flatMap(({ typeName, methods }) =>
      methods.map(({ name }) => `/${typeName}/${name}`),
    )
    expect(paths.filter(isAdminMethod)).toEqual([
      RELOAD,
      '/capiscio.core.v1.AdminService/GetCacheStatistics',
      '/capiscio.core.v1.AdminService/RevokeLocally',
      '/capiscio.v1.RevocationService/Revoke',
      '/capiscio.v1.RevocationService/Unrevoke',
      '/capiscio.v1.RevocationService/FetchRevocationList',
      '/capiscio.v1.RevocationService/ClearCache',
      '/capiscio.v1.TrustStoreService/AddKey',
      '/capiscio.v1.TrustStoreService/RemoveKey',
      '/capiscio.v1.TrustStoreService/ImportFromDirectory',
      '/capiscio.v1.TrustStoreService/Clear',
    ])
    // An operator's call is a privileged one: the gate stands before those.
    expect(paths.filter(isAdminMethod).every(isPrivilegedMethod)).toBe(true)
    expect(isAdminMethod('/constructor/Reload')).toBe(false)
    expect(isAdminMethod('nonsense')).toBe(false)
    expect(refusalOf(() => gate.check('/capiscio.v1.RevocationService/IsRevoked', 'tcp', []))).toEqual(PASSED)
  })
})

it('calls of operators cannot be offered on the web listener', () => {
  const service = implementService(AdminService, { reload: async () => ({}) })
  expect(() => createListeners({ services: [service], webServices: [service] } as never)).toThrow(TypeError)
})
