import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConfigFlags, CoreCommand } from '../../../core/src/config/config-flags.ts'
import { ConfigRefused } from '../../../core/src/config/config-refused.ts'
import { type LoadedConfig, loadConfig } from '../../../core/src/config/load-config.ts'
import { thrownBy } from '../domain/policy/thrown-by.ts'

interface Given {
  readonly command?: CoreCommand
  readonly flags?: ConfigFlags
  readonly env?: Readonly<Record<string, string>>
  readonly file?: string
}

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-config-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function load({ command = 'serve', flags = {}, env = {}, file }: Given): LoadedConfig {
  const config = join(folder, 'capiscio.yaml')
  if (file !== undefined) writeFileSync(config, file)
  return loadConfig({
    command,
    flags: { ...(file !== undefined && { config }), ...flags },
    env: { HOME: '/home/u', ...env },
    cwd: '/srv',
  })
}

const listen = (given: Given) => load(given).config.listen
const problems = (given: Given) => thrownBy(ConfigRefused, () => load(given)).problems

const TLS = { tlsCert: 'cert.pem', tlsKey: 'key.pem' }
const ELSEWHERE = { listen: '0.0.0.0:50051', http: 'none' }

describe('TLS', () => {
  test('is off unless it is configured', () => {
    expect(listen({})).not.toHaveProperty('tls')
    expect(listen({})).not.toHaveProperty('tokenFile')
  })

  test('comes from flags', () => {
    expect(listen({ flags: { ...TLS, tlsClientCa: '/etc/ca.pem' } }).tls).toEqual({
      certFile: '/srv/cert.pem',
      keyFile: '/srv/key.pem',
      clientCaFile: '/etc/ca.pem',
      clientCertificates: 'required',
      minVersion: 'TLSv1.2',
    })
  })

  test('comes from the environment', () => {
    const env = {
      CAPISCIO_LISTEN_TLS_CERT: '/c',
      CAPISCIO_LISTEN_TLS_KEY: '~/k',
      CAPISCIO_LISTEN_TLS_CLIENT_CA: '/a',
    }
    expect(listen({ env }).tls).toMatchObject({ certFile: '/c', keyFile: '/home/u/k', clientCaFile: '/a' })
    expect(load({ env }).warnings).toEqual([])
  })

  test('comes from the file, where paths start from its folder', () => {
    const file = `
listen:
  tls: { certFile: c.pem, keyFile: /k.pem, clientCaFile: a.pem, clientCertificates: optional, minVersion: TLSv1.3 }
  tokenFile: token
`
    expect(listen({ file })).toMatchObject({
      tls: {
        certFile: join(folder, 'c.pem'),
        keyFile: '/k.pem',
        clientCaFile: join(folder, 'a.pem'),
        clientCertificates: 'optional',
        minVersion: 'TLSv1.3',
      },
      tokenFile: join(folder, 'token'),
    })
  })

  test.each(['TLSv1.1', 'TLSv1', 'tlsv1.2', '1.2'])('cannot be as old as %s', (minVersion) => {
    const file = `listen:\n  tls: { certFile: c, keyFile: k, minVersion: ${JSON.stringify(minVersion)} }\n`
    expect(problems({ file })).toEqual([expect.objectContaining({ code: 'VALUE_INVALID' })])
  })

  test('cannot be unsure about client certificates', () => {
    const file = 'listen:\n  tls: { certFile: c, keyFile: k, clientCaFile: a, clientCertificates: maybe }\n'
    expect(problems({ file })).toEqual([expect.objectContaining({ code: 'VALUE_INVALID' })])
  })

  test.each<[missing: string, given: Given, source: string]>([
    ['the key', { flags: { tlsCert: 'c' } }, '--tls-cert'],
    ['the certificate', { env: { CAPISCIO_LISTEN_TLS_KEY: '/k' } }, 'CAPISCIO_LISTEN_TLS_KEY'],
    ['both, with authorities', { flags: { tlsClientCa: 'a' } }, '--tls-client-ca'],
    ['both, in a file', { file: 'listen:\n  tls: { minVersion: TLSv1.3 }\n' }, 'capiscio.yaml:2:'],
  ])('without %s is a mistake and not plaintext', (_missing, given, source) => {
    expect(problems(given)).toEqual([
      expect.objectContaining({ code: 'CONFLICT', source: expect.stringContaining(source) }),
    ])
  })

  test('of the file is not read by rpc, as its listeners are not', () => {
    const file = 'listen:\n  tls: { certFile: c, keyFile: k }\n  tokenFile: t\n'
    expect(listen({ command: 'rpc', file })).not.toHaveProperty('tls')
    expect(listen({ command: 'rpc', file })).not.toHaveProperty('tokenFile')
    expect(listen({ command: 'rpc', flags: TLS })).toHaveProperty('tls')
  })
})

describe('a listener beyond loopback', () => {
  test('is refused in plaintext, and accepted with TLS', () => {
    expect(problems({ flags: ELSEWHERE })[0]?.reason).toContain('listen.tls')
    expect(listen({ flags: { ...ELSEWHERE, ...TLS } }).tcp).toEqual({ host: '0.0.0.0', port: 50051 })
  })

  test('is refused in plaintext also with tokens: they would be readable', () => {
    const flags = { ...ELSEWHERE, tokenFile: '/t' }
    expect(problems({ flags })).toHaveLength(1)
    expect(load({ flags: { ...flags, insecure: true } }).warnings).toEqual([
      expect.objectContaining({ source: 'listen.tcp', message: expect.stringContaining('plaintext') }),
    ])
  })

  test.each<[why: string, more: ConfigFlags, file: string | undefined, warned: boolean]>([
    ['neither tokens nor client certificates', {}, undefined, true],
    ['tokens', { tokenFile: '/t' }, undefined, false],
    ['client certificates', { tlsClientCa: '/a' }, undefined, false],
    ['optional client certificates', { tlsClientCa: '/a' }, 'listen:\n  tls: { clientCertificates: optional }\n', true],
  ])('with TLS and %s: open to everybody is %s', (_why, more, file, warned) => {
    const { warnings } = load({ flags: { ...ELSEWHERE, ...TLS, ...more }, ...(file !== undefined && { file }) })
    const expected = { source: 'listen.tcp', message: expect.stringContaining('Whoever reaches this address') }
    expect(warnings).toEqual(warned ? [expected] : [])
  })
})

test('the token file comes from a flag before the environment', () => {
  const env = { CAPISCIO_CORE_TOKEN_FILE: '/from-env' }
  expect(listen({ env }).tokenFile).toBe('/from-env')
  expect(listen({ env, flags: { tokenFile: '/from-flag' } }).tokenFile).toBe('/from-flag')
})

test('variables of clients are no mistake of the core', () => {
  const names = ['CA', 'CERT', 'KEY', 'SERVER_NAME'].map((name) => `CAPISCIO_CORE_TLS_${name}`)
  const env = Object.fromEntries([...names, 'CAPISCIO_CORE_TOKEN'].map((name) => [name, 'x']))
  expect(load({ env }).warnings).toEqual([])
})
