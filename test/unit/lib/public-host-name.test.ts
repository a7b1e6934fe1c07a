import { describe, expect, it } from 'vitest'
import { isPublicHostName } from '../../../core/src/lib/public-host-name.ts'

describe('a host name', () => {
  it.each([
    'example.com',
    'agents.example.com',
    'xn--bcher-kva.example',
    '1.example.com',
    'a-b.example.com',
    'localhost.example.com',
    'internal.example.com',
    'example.localhosts',
    `${'a'.repeat(63)}.example.com`,
  ])('%s may be public', (host) => {
    expect(isPublicHostName(host)).toBe(true)
  })

  it.each([
    '',
    'localhost',
    'router',
    'app.localhost',
    'printer.local',
    'host.localdomain',
    'metadata.google.internal',
    'host.docker.internal',
    'box.home.arpa',
    'nas.lan',
    'registry.capiscio.invalid',
    'example.com.',
    'localhost.',
    '.example.com',
    'a..example.com',
    'a_b.example.com',
    '-a.example.com',
    'a-.example.com',
    'Example.com',
    'example.com:443',
    'exa mple.com',
    '127.0.0.1',
    '2130706433',
    '1.2.3',
    'example.1',
    'example.0x7f',
    'example.0x',
    '[::1]',
    '::1',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(126)}example`,
  ])('%j is not public', (host) => {
    expect(isPublicHostName(host)).toBe(false)
  })
})
