import { describe, expect, it } from 'vitest'
import { ConfigRefused } from '../../../core/src/config/config-refused.ts'
import { decideRegistry } from '../../../core/src/config/decide-registry.ts'
import type { RegistryFlags } from '../../../core/src/config/registry-config.ts'

const decide = (flags: RegistryFlags = {}, env: Record<string, string> = { HOME: '/home/u' }) =>
  decideRegistry({ flags, env, cwd: '/srv' })

const problems = (flags: RegistryFlags, env?: Record<string, string>): readonly string[] => {
  try {
    decide(flags, env)
    return []
  } catch (refused) {
    if (!(refused instanceof ConfigRefused)) throw refused
    return refused.problems.map(({ source, reason }) => `${source}: ${reason}`)
  }
}

describe('the configuration of a registry', () => {
  it('is this where nothing is said', () => {
    expect(decide().config).toEqual({
      listen: { host: '127.0.0.1', port: 8787 },
      dataDir: '/home/u/.capiscio/core/registry',
      databaseFile: '/home/u/.capiscio/core/registry/registry.db',
      insecure: false,
      behindProxy: false,
      requireMode: false,
      badgesPerHour: 100,
      shutdownGraceMs: 10_000,
      logLevel: 'info',
    })
  })

  it('takes flags before our variables before those of the hosted registry', () => {
    const hosted = {
      HOME: '/home/u',
      PORT: '8080',
      CA_ISSUER_URL: 'https://hosted.example.com/',
      DATABASE_URL: 'sqlite:///var/lib/r.db',
      CA_KEY_PATH: './keys/ca.jwk',
    }
    expect(decide({}, hosted).config).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      issuer: 'https://hosted.example.com',
      databaseFile: '/var/lib/r.db',
      caKeyFile: '/srv/keys/ca.jwk',
    })
    const ours = {
      ...hosted,
      CAPISCIO_REGISTRY_LISTEN: 'localhost:1',
      CAPISCIO_REGISTRY_ISSUER: 'https://ours.example.com',
      CAPISCIO_REGISTRY_DATABASE: 'ours.db',
      CAPISCIO_REGISTRY_DATA: '~/r',
      CAPISCIO_REGISTRY_CA_KEY: '/k',
    }
    expect(decide({}, ours).config).toMatchObject({
      listen: { host: 'localhost', port: 1 },
      issuer: 'https://ours.example.com',
      databaseFile: '/srv/ours.db',
      dataDir: '/home/u/r',
      caKeyFile: '/k',
    })
    const flags = {
      listen: '[::1]:2',
      issuer: 'https://flag.example.com',
      database: 'f.db',
      data: 'd',
      badgesPerHour: '7',
    }
    expect(decide(flags, ours).config).toMatchObject({
      listen: { host: '::1', port: 2 },
      issuer: 'https://flag.example.com',
      databaseFile: '/srv/f.db',
      dataDir: '/srv/d',
      badgesPerHour: 7,
    })
  })

  it('lies under the state folder where that is named', () => {
    expect(decide({}, { CAPISCIO_STATE_DIR: '/state' }).config.dataDir).toBe('/state/registry')
    expect(problems({}, {})).toEqual(['default: HOME is not set: set it, or give --data'])
  })

  it.each(['postgres://u@h/d', 'postgresql://h/d', 'POSTGRES://h/d'])('refuses %s, and says what there is', (url) => {
    expect(problems({}, { HOME: '/', DATABASE_URL: url })[0]).toMatch(
      /^DATABASE_URL: PostgreSQL is not built in: name a file/,
    )
  })

  it.each([
    ['sqlite:///a/b.db', '/a/b.db'],
    ['sqlite:b.db', '/srv/b.db'],
    ['file:///a/b.db', '/a/b.db'],
    ['/a/b.db', '/a/b.db'],
  ])('reads the database %s as %s', (text, path) => {
    expect(decide({ database: text }).config.databaseFile).toBe(path)
  })

  it.each<[RegistryFlags, RegExp]>([
    [{ database: 'mysql://h/d' }, /^--database: The database is a file/],
    [{ issuer: 'http://registry.example.com' }, /^--issuer: An issuer is an HTTPS origin/],
    [{ issuer: 'https://registry.example.com/x' }, /^--issuer: An issuer is only/],
    [{ issuer: 'https://127.0.0.1:8787' }, /^--issuer: The issuer stands in did:web/],
    [{ issuer: 'https://localhost' }, /^--issuer: The issuer stands in did:web/],
    [{ issuer: 'https://[::1]' }, /^--issuer: The issuer stands in did:web/],
    [{ listen: '0.0.0.0:8787' }, /^--listen: Plaintext is for loopback/],
    [{ tlsCert: 'c.pem' }, /^--tls-cert: TLS needs a certificate and its key/],
    [{ tlsKey: 'k.pem' }, /^--tls-key: TLS needs a certificate and its key/],
    [{ listen: '8787x' }, /^--listen: A listener is HOST:PORT/],
    [{ badgesPerHour: '0' }, /^--badges-per-hour/],
    [{ badgesPerHour: '1.5' }, /^--badges-per-hour/],
    [{ logLevel: 'loud' }, /^--log-level/],
  ])('refuses %j', (flags, reason) => {
    expect(problems(flags)).toEqual([expect.stringMatching(reason)])
  })

  it('goes beyond loopback with a certificate and its key', () => {
    const { config, warnings } = decide({ listen: '0.0.0.0:8787', tlsCert: 'c.pem', tlsKey: '/k.pem' })
    expect(config.tls).toMatchObject({ certFile: '/srv/c.pem', keyFile: '/k.pem' })
    expect(warnings).toEqual([])
    const env = { HOME: '/', CAPISCIO_REGISTRY_TLS_CERT: '/c', CAPISCIO_REGISTRY_TLS_KEY: '/k' }
    expect(decide({}, env).config.tls).toMatchObject({ certFile: '/c', keyFile: '/k' })
  })

  it('lets plaintext beyond loopback be asked for, and warns', () => {
    const { config, warnings } = decide({ listen: '0.0.0.0:8787', insecure: true })
    expect(config.listen.host).toBe('0.0.0.0')
    expect(warnings).toEqual([{ source: 'listen', message: expect.stringContaining('plaintext') }])
    expect(decide({ insecure: true }).warnings).toEqual([])
  })
})
