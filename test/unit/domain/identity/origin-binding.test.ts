import { describe, expect, it } from 'vitest'
import { findBindingMismatch } from '../../../../core/src/domain/identity/origin-binding.ts'

const DOMAIN = 'SERVER_DOMAIN_MISMATCH'
const PATH = 'SERVER_PATH_MISMATCH'

describe('binding a did:web to the endpoint that was contacted', () => {
  it.each([
    ['https://mcp.example.com/', 'did:web:mcp.example.com'],
    ['https://mcp.example.com/any/path', 'did:web:mcp.example.com'],
    ['https://api.example.com/mcp/filesystem', 'did:web:api.example.com:mcp:filesystem'],
    ['https://API.example.com:443/mcp/filesystem/', 'did:web:api.example.com:mcp:filesystem'],
    ['https://api.example.com/mcp/filesystem', 'did:web:API.Example.COM:mcp:filesystem'],
    ['https://localhost:8443/', 'did:web:localhost%3A8443'],
    ['https://mcp.example.com/', 'did:web:mcp.example.com%3A443'],
    ['http://localhost/', 'did:web:localhost%3A80'],
    ['https://api.example.com/my%20tools', 'did:web:api.example.com:my%20tools'],
    ['https://api.example.com/my%2Dtools', 'did:web:api.example.com:my-tools'],
  ])('%s is named by %s', (url, did) => {
    expect(findBindingMismatch(did, { transport: 'http', url: new URL(url) })).toBeUndefined()
  })

  it.each([
    ['https://mcp.example.org/', 'did:web:mcp.example.com', DOMAIN],
    ['https://evil.mcp.example.com/', 'did:web:mcp.example.com', DOMAIN],
    ['https://mcp.example.com:8443/', 'did:web:mcp.example.com', DOMAIN],
    ['https://mcp.example.com/', 'did:web:mcp.example.com%3A8443', DOMAIN],
    ['http://localhost/', 'did:web:localhost%3A443', DOMAIN],
    ['https://api.example.com/mcp/filesystem-evil', 'did:web:api.example.com:mcp:filesystem', PATH],
    ['https://api.example.com/mcp/filesystem/more', 'did:web:api.example.com:mcp:filesystem', PATH],
    ['https://api.example.com/mcp', 'did:web:api.example.com:mcp:filesystem', PATH],
    ['https://api.example.com/mcp/database', 'did:web:api.example.com:mcp:filesystem', PATH],
    ['https://api.example.com/mcp/Filesystem', 'did:web:api.example.com:mcp:filesystem', PATH],
    ['https://api.example.com/mcp%2Ffilesystem', 'did:web:api.example.com:mcp:filesystem', PATH],
    ['https://api.example.com//mcp/filesystem', 'did:web:api.example.com:mcp:filesystem', PATH],
    ['https://api.example.com/mcp/%zz', 'did:web:api.example.com:mcp:filesystem', PATH],
  ])('%s is not named by %s: %s', (url, did, mismatch) => {
    expect(findBindingMismatch(did, { transport: 'http', url: new URL(url) })).toBe(mismatch)
  })

  it('takes the path that is given apart from the URL instead of that of the URL', () => {
    const endpoint = { transport: 'http', url: new URL('https://mcp.example.com'), path: '/servers/fs' } as const
    expect(findBindingMismatch('did:web:mcp.example.com:servers:fs', endpoint)).toBeUndefined()
    expect(findBindingMismatch('did:web:mcp.example.com:servers:db', endpoint)).toBe(PATH)
  })

  it('does not resolve dots in a path that is given apart', () => {
    const endpoint = { transport: 'http', url: new URL('https://mcp.example.com'), path: '/x/../fs' } as const
    expect(findBindingMismatch('did:web:mcp.example.com:fs', endpoint)).toBe(PATH)
  })

  it('does not apply to a child process', () => {
    expect(findBindingMismatch('did:web:mcp.example.com:servers:fs', { transport: 'stdio' })).toBeUndefined()
  })

  it('does not apply to a did:key, which names no place', () => {
    const did = 'did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw'
    expect(findBindingMismatch(did, { transport: 'http', url: new URL('https://mcp.example.com') })).toBeUndefined()
  })
})
