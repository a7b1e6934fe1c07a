import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Profile } from '../../../core/src/config/config.ts'
import { openOutboundHttp } from '../../../core/src/setup/open-outbound-http.ts'
import { StartRefused } from '../../../core/src/start-refused.ts'
import { createFixedClock } from '../../fakes/fixed-clock.ts'
import { startHttp, startHttps, TEST_CA } from '../../fakes/https-server.ts'

function open(profile: Profile, caFile?: string) {
  const http = openOutboundHttp({
    profile,
    outbound: caFile === undefined ? {} : { caFile },
    clock: createFixedClock(0),
    random: { bytes: (length) => new Uint8Array(length) },
    telemetry: { outboundCalled: () => {} },
  })
  onTestFinished(() => http[Symbol.asyncDispose]())
  return (url: string) => http.send({ url, hostFrom: 'operator', maxBytes: 100, timeoutMs: 5_000 })
}

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'capiscio-outbound-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'ca.pem')
  writeFileSync(path, text)
  return path
}

describe('the way out', () => {
  it.each(['dev', 'connected-prod'] as const)('is open in profile %s', async (profile) => {
    const server = await startHttp((_request, response) => response.end('{}'))
    expect(await open(profile)(`http://127.0.0.1:${server.port}/`)).toMatchObject({ status: 200 })
  })

  it('does not exist in profile air-gapped', async () => {
    const server = await startHttp((_request, response) => response.end('{}'))
    await expect(open('air-gapped')(`http://127.0.0.1:${server.port}/`)).rejects.toMatchObject({
      name: 'SourceUnavailable',
      message: 'Profile air-gapped reaches no network',
    })
    expect(server.connections).toBe(0)
  })

  it('trusts the certificates of a configured file, and only with it', async () => {
    const server = await startHttps((_request, response) => response.end('{}'))
    const url = `https://127.0.0.1:${server.port}/`
    expect(await open('connected-prod', file(TEST_CA))(url)).toMatchObject({ status: 200 })
    await expect(open('connected-prod')(url)).rejects.toMatchObject({ outcome: 'tls' })
  })

  it.each([
    ['a file without certificates', () => file('hello'), /hello|no certificate in PEM form/],
    ['a file that is not there', () => '/nowhere/ca.pem', /ENOENT/],
  ])('is refused at start with %s', (_what, path, reason) => {
    expect(() => open('connected-prod', path())).toThrow(StartRefused)
    expect(() => open('connected-prod', path())).toThrow(reason)
  })
})
