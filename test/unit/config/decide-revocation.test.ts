import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkConfigFiles } from '../../../core/src/config/check-config-files.ts'
import { type ConfigProblem, ConfigRefused } from '../../../core/src/config/config-refused.ts'
import { type LoadedConfig, loadConfig } from '../../../core/src/config/load-config.ts'
import { thrownBy } from '../domain/policy/thrown-by.ts'

const ISSUER = 'issuer: "https://registry.example.com"'
const KEYS = 'keys: { keys: [{ kty: OKP, crv: Ed25519, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo }] }'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capiscio-config-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function load(profile: string, text: string, env: Readonly<Record<string, string>> = {}): LoadedConfig {
  const config = join(folder, 'capiscio.yaml')
  writeFileSync(config, text)
  return loadConfig({ command: 'serve', flags: { config, profile }, env: { HOME: '/home/u', ...env } })
}

const revocation = (profile: string, text: string) =>
  load(profile, `trust: { revocation: ${text} }`).config.trust.revocation

const problems = (profile: string, text: string): readonly ConfigProblem[] =>
  thrownBy(ConfigRefused, () => load(profile, text)).problems

describe('revocation', () => {
  it.each([
    ['connected-prod', 'hybrid'],
    ['air-gapped', 'offline'],
    ['dev', 'fixture'],
  ])('in profile %s is %s', (profile, mode) => expect(revocation(profile, '{}').mode).toBe(mode))

  it('is what the file says', () => {
    const text =
      '{ mode: online, syncIntervalSeconds: 5, statusMaxAgeSeconds: 0, maxStalenessSeconds: 60, staleAtLevelOne: deny }'
    expect(revocation('connected-prod', text)).toEqual({
      mode: 'online',
      syncIntervalSeconds: 5,
      statusMaxAgeSeconds: 0,
      maxStalenessSeconds: 60,
      staleAtLevelOne: 'deny',
      failOpen: false,
      cacheDir: '/home/u/.capiscio/core/revocations',
    })
  })

  it('is kept where CAPISCIO_CACHE_PATH says', () => {
    const { config } = load('connected-prod', 'stateDir: /state\n', { CAPISCIO_CACHE_PATH: '/var/cache/x' })
    expect(config.trust.revocation.cacheDir).toBe('/var/cache/x')
    expect(config.trust.localRevocations).toBe('/state/local-revocations.jsonl')
  })

  it('by the operator is where the file says, from its folder', () => {
    expect(load('dev', 'trust: { localRevocations: revoked.jsonl }').config.trust.localRevocations).toBe(
      join(folder, 'revoked.jsonl'),
    )
  })

  it.each([
    ['connected-prod', '{ maxStalenessSeconds: 300 }'],
    ['air-gapped', '{ maxStalenessSeconds: 2592000 }'],
    ['dev', '{ failOpen: true }'],
    ['dev', '{ mode: hybrid }'],
    ['connected-prod', '{ mode: offline }'],
  ])('in profile %s may be %s', (profile, text) => expect(() => revocation(profile, text)).not.toThrow())

  it.each([
    ['connected-prod', '{ maxStalenessSeconds: 301 }', 'NOT_IN_PROFILE'],
    ['dev', '{ maxStalenessSeconds: 301 }', 'NOT_IN_PROFILE'],
    ['connected-prod', '{ failOpen: true }', 'NOT_IN_PROFILE'],
    ['air-gapped', '{ failOpen: true }', 'NOT_IN_PROFILE'],
    ['connected-prod', '{ mode: fixture }', 'NOT_IN_PROFILE'],
    ['air-gapped', '{ mode: hybrid }', 'NOT_IN_PROFILE'],
    ['air-gapped', '{ mode: online }', 'NOT_IN_PROFILE'],
    ['dev', '{ mode: sometimes }', 'VALUE_INVALID'],
    ['dev', '{ staleAtLevelOne: maybe }', 'VALUE_INVALID'],
    ['dev', '{ syncIntervalSeconds: 0 }', 'FILE_INVALID'],
    ['dev', '{ statusMaxAgeSeconds: 301 }', 'FILE_INVALID'],
    ['dev', '{ maxStalenessSeconds: 0 }', 'FILE_INVALID'],
    ['dev', '{ interval: 30 }', 'FILE_INVALID'],
  ])('in profile %s may not be %s', (profile, text, code) => {
    expect(problems(profile, `trust: { revocation: ${text} }`)).toEqual([expect.objectContaining({ code })])
  })
})

describe('a snapshot', () => {
  const issuers = (mode: string) =>
    `trust: { revocation: { mode: ${mode} }, issuers: [{ ${ISSUER}, ${KEYS}, snapshotFile: snap.json }] }`

  it.each([
    ['air-gapped', 'offline'],
    ['connected-prod', 'offline'],
    ['dev', 'fixture'],
  ])('takes the place of the issuer in profile %s, mode %s', (profile, mode) => {
    const [issuer] = load(profile, issuers(mode)).config.trust.issuers
    expect(issuer?.snapshotFile).toBe(join(folder, 'snap.json'))
  })

  it.each(['online', 'hybrid'])('contradicts mode %s, which asks the issuer', (mode) => {
    expect(problems('connected-prod', issuers(mode))).toEqual([expect.objectContaining({ code: 'CONFLICT' })])
  })

  it('is not missed by an issuer that is asked', () => {
    const text = `trust: { revocation: { mode: online }, issuers: [{ ${ISSUER}, ${KEYS} }] }`
    expect(load('connected-prod', text).config.trust.issuers).toHaveLength(1)
  })

  it('and local revocations are looked into by "config check"', () => {
    const { config } = load('air-gapped', issuers('offline'), { CAPISCIO_STATE_DIR: folder })
    const snap = join(folder, 'snap.json')
    const local = join(folder, 'local-revocations.jsonl')
    expect(checkConfigFiles(config)).toEqual([expect.objectContaining({ code: 'FILE_UNREADABLE', source: snap })])
    writeFileSync(snap, '{"syncedAt":"2025-12-09T15:05:00Z","revocations":[]}')
    writeFileSync(local, '{"jti":"a"}\n')
    expect(checkConfigFiles(config)).toEqual([])
    writeFileSync(snap, '{}')
    writeFileSync(local, '{"jti":7}\n')
    expect(checkConfigFiles(config)).toEqual([
      expect.objectContaining({ code: 'FILE_INVALID', source: snap }),
      expect.objectContaining({ code: 'FILE_INVALID', source: local }),
    ])
  })
})
