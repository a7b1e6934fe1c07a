import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createConfiguredIssuerKeys } from '../../core/src/adapters/trust/configured-issuer-keys.ts'
import { createFetchedIssuerKeys } from '../../core/src/domain/trust/fetched-issuer-keys.ts'
import { createFixedClock } from '../fakes/fixed-clock.ts'
import { createMemoryIssuerKeys } from '../fakes/memory-issuer-keys.ts'
import { createMemoryWeb, JSON_TYPE } from '../fakes/memory-web.ts'
import { CONTRACT_ISSUER, describeIssuerKeySource } from './issuer-key-source.contract.ts'

describeIssuerKeySource('the web', (first) => {
  const http = createMemoryWeb()
  const url = `${CONTRACT_ISSUER}/.well-known/jwks.json`
  const publish = (body: string): void => void http.pages.set(url, { headers: JSON_TYPE, body })
  publish(first)
  const source = createFetchedIssuerKeys({
    urls: new Map([[CONTRACT_ISSUER, url]]),
    http,
    clock: createFixedClock(0),
    telemetry: { issuerKeysFetched: () => {}, issuerKeysAged: () => {}, fault: () => {} },
    maxStaleMs: 3_600_000,
  })
  return { source, publish }
})

describeIssuerKeySource('a file', (first) => {
  const folder = mkdtempSync(join(tmpdir(), 'capiscio-keys-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'jwks.json')
  const publish = (jwks: string): void => {
    writeFileSync(`${path}.new`, jwks)
    renameSync(`${path}.new`, path)
  }
  publish(first)
  const origins = new Map([[CONTRACT_ISSUER, { kind: 'file' as const, path }]])
  return { source: createConfiguredIssuerKeys(origins, createFixedClock(0).monotonicMs), publish }
})

describeIssuerKeySource('memory', (first) => {
  const source = createMemoryIssuerKeys()
  source.publishText(CONTRACT_ISSUER, first)
  return { source, publish: (jwks) => source.publishUnseen(CONTRACT_ISSUER, JSON.parse(jwks).keys) }
})
