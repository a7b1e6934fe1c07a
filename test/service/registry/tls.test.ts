import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RegistryWorld, startRegistryWorld } from '../../fakes/registry-world.ts'
import { makeServerFiles, type ServerFiles, tlsPem } from '../../fakes/tls-files.ts'

describe('a registry with a certificate', () => {
  let files: ServerFiles
  let world: RegistryWorld

  beforeAll(async () => {
    files = await makeServerFiles()
    world = await startRegistryWorld({ flags: { tlsCert: files.certFile, tlsKey: files.keyFile } })
  })
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    await files[Symbol.asyncDispose]()
  })

  /** Status and the fingerprint of the certificate that was shown. */
  function get(ca: string): Promise<readonly [status: number | undefined, fingerprint: string]> {
    return new Promise((resolve, reject) => {
      const sent = request(`${world.registry.url}/health`, { ca, agent: false }, (response) => {
        response.resume()
        resolve([response.statusCode, (response.socket as TLSSocket).getPeerCertificate().fingerprint256])
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  it('speaks HTTPS, and only to those who believe it', async () => {
    expect(world.registry.url).toMatch(/^https:\/\/127\.0\.0\.1:/)
    expect((await get(await tlsPem('authority.pem')))[0]).toBe(200)
    await expect(get(await tlsPem('other-authority.pem'))).rejects.toThrow()
    await expect(fetch(world.registry.url.replace('https:', 'http:'))).rejects.toThrow()
  })

  it('shows a renewed certificate without a restart', async () => {
    const ca = await tlsPem('authority.pem')
    const [, before] = await get(ca)
    await files.install('renewed')
    await expect.poll(async () => (await get(ca))[1], { timeout: 20_000, interval: 50 }).not.toBe(before)
  })

  it('does not start with a key of another certificate', async () => {
    await using foreign = await makeServerFiles('foreign')
    const starting = startRegistryWorld({ flags: { tlsCert: files.certFile, tlsKey: foreign.keyFile } })
    await expect(starting).rejects.toMatchObject({ name: 'FileRefused' })
  })
})
