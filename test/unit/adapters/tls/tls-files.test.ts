import { chmod, copyFile, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileRefused } from '../../../../core/src/adapters/files/file-refused.ts'
import type { TlsMaterial } from '../../../../core/src/adapters/tls/parse-tls-material.ts'
import { openTlsFiles, type TlsFiles } from '../../../../core/src/adapters/tls/tls-files.ts'
import { makeServerFiles, type ServerFiles, tlsPath, tlsPem } from '../../../fakes/tls-files.ts'

let files: ServerFiles
let warnings: string[]
const open: TlsFiles[] = []

beforeEach(async () => {
  files = await makeServerFiles()
  warnings = []
})

afterEach(async () => {
  for (const one of open.splice(0)) one[Symbol.dispose]()
  await files[Symbol.asyncDispose]()
})

async function start(more: { clientCaFile?: string; nowMs?: () => number; certFile?: string } = {}): Promise<TlsFiles> {
  const opened = await openTlsFiles({
    certFile: files.certFile,
    keyFile: files.keyFile,
    nowMs: () => Date.parse('2030-01-01'),
    onWarning: (message) => warnings.push(message),
    // Only `check` looks.
    checkEveryMs: 1_000_000_000,
    ...more,
  })
  open.push(opened)
  return opened
}

const refusal = (starting: Promise<unknown>): Promise<FileRefused> =>
  starting.then(
    () => expect.unreachable('the files must be refused'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(FileRefused)
      return error as FileRefused
    },
  )

describe('files that belong together', () => {
  it('are given as they are', async () => {
    const tls = await start({ clientCaFile: files.clientCaFile })
    expect(tls.material()).toEqual({
      certificatePem: await tlsPem('server.pem'),
      privateKeyPem: await tlsPem('server-key.pem'),
      clientAuthoritiesPem: await tlsPem('authority.pem'),
    })
    expect([tls.minVersion, tls.clientCertificates, warnings]).toEqual(['TLSv1.2', 'required', []])
  })

  it('ask clients for nothing where no authority is named', async () => {
    const tls = await start()
    expect(tls.clientCertificates).toBe('none')
    expect(tls.material()).not.toHaveProperty('clientAuthoritiesPem')
  })

  it('may have a chain behind the certificate, and several authorities', async () => {
    await writeFile(files.certFile, (await tlsPem('server.pem')) + (await tlsPem('authority.pem')))
    await writeFile(files.clientCaFile, (await tlsPem('authority.pem')) + (await tlsPem('other-authority.pem')))
    await expect(start({ clientCaFile: files.clientCaFile })).resolves.toBeDefined()
  })

  it('are used with a word where the group can read the key', async () => {
    await chmod(files.keyFile, 0o640)
    await start()
    expect(warnings).toEqual([expect.stringContaining('can be read by its group')])
  })
})

describe('files that cannot be used', () => {
  it.each([0o604, 0o602, 0o660, 0o620, 0o644, 0o666])('a key with mode %o is refused', async (mode) => {
    await chmod(files.keyFile, mode)
    const { code, message } = await refusal(start())
    expect(code).toBe('FILE_EXPOSED')
    expect(message).toContain(`chmod 600 ${files.keyFile}`)
  })

  it.each<[what: string, reason: string, change: () => Promise<unknown>]>([
    ['a key of another certificate', 'is not the key', () => copyFile(tlsPath('renewed-key.pem'), files.keyFile)],
    ['a certificate as key', 'no private key', () => copyFile(tlsPath('server.pem'), files.keyFile)],
    ['an empty key', 'no private key', () => truncate(files.keyFile)],
    ['a key as certificate', 'There is no certificate', () => copyFile(tlsPath('server-key.pem'), files.certFile)],
    ['a certificate that TLS libraries find too weak', 'a stronger one', () => files.install('weak')],
    ['an expired certificate', 'expired on Jan  2 00:00:00 2020 GMT', () => files.install('expired')],
    [
      'half a certificate',
      'There is no certificate',
      async () => writeFile(files.certFile, (await tlsPem('server.pem')).slice(0, 200)),
    ],
    [
      'a damaged certificate',
      'Certificate 1 cannot be read',
      async () => writeFile(files.certFile, (await tlsPem('server.pem')).replace('MII', 'MIX')),
    ],
    [
      'a damaged certificate in the chain',
      'Certificate 2 cannot be read',
      async () =>
        writeFile(files.certFile, (await tlsPem('server.pem')) + (await tlsPem('authority.pem')).replace('MII', 'MIX')),
    ],
  ])('%s is refused', async (_what, reason, change) => {
    await change()
    await chmod(files.keyFile, 0o600)
    const { code, message } = await refusal(start())
    expect(code).toBe('FILE_INVALID')
    expect(message).toContain(reason)
    expect(message).not.toContain('-----BEGIN')
  })

  it('a client certificate is no authority', async () => {
    await copyFile(tlsPath('client.pem'), files.clientCaFile)
    const { code, message } = await refusal(start({ clientCaFile: files.clientCaFile }))
    expect([code, message]).toEqual(['FILE_INVALID', expect.stringContaining('not an authority')])
  })

  it('a file that is not there, or a device without end, is refused with its name', async () => {
    for (const certFile of [join(files.folder, 'nothing.pem'), '/dev/zero', files.folder]) {
      const { code, path } = await refusal(start({ certFile }))
      expect([code, path]).toEqual(['FILE_UNREADABLE', certFile])
    }
  })

  it('a certificate expires at its last second', async () => {
    const lastMs = Date.parse('2100-01-01T00:00:00Z')
    await expect(start({ nowMs: () => lastMs - 1 })).resolves.toBeDefined()
    expect((await refusal(start({ nowMs: () => lastMs }))).code).toBe('FILE_INVALID')
  })
})

describe('files that change', () => {
  it('are in force at the next look, and everybody who follows them is told once', async () => {
    const tls = await start()
    const seen: TlsMaterial[] = []
    tls.onChange((material) => seen.push(material))
    await tls.check()
    expect(seen).toEqual([])
    await files.install('renewed')
    await tls.check()
    await tls.check()
    expect(seen).toEqual([tls.material()])
    expect(tls.material().certificatePem).toBe(await tlsPem('renewed.pem'))
    expect(warnings).toEqual([])
  })

  it('are noticed where a link is pointed elsewhere, as containers replace secrets', async () => {
    const version = async (name: string): Promise<string> => {
      const folder = join(files.folder, name)
      await mkdir(folder)
      await copyFile(tlsPath(`${name}.pem`), join(folder, 'cert.pem'))
      await copyFile(tlsPath(`${name}-key.pem`), join(folder, 'key.pem'))
      await chmod(join(folder, 'key.pem'), 0o600)
      return folder
    }
    const current = join(files.folder, 'current')
    await symlink(await version('server'), current)
    const tls = await openTlsFiles({
      certFile: join(current, 'cert.pem'),
      keyFile: join(current, 'key.pem'),
      nowMs: () => 0,
      onWarning: (message) => warnings.push(message),
      checkEveryMs: 1_000_000_000,
    })
    open.push(tls)
    await symlink(await version('renewed'), `${current}-new`)
    await rename(`${current}-new`, current)
    await tls.check()
    expect(tls.material().privateKeyPem).toBe(await tlsPem('renewed-key.pem'))
  })

  it.each<[what: string, change: () => Promise<unknown>]>([
    ['that are gone', () => rm(files.certFile)],
    ['that are half replaced', () => copyFile(tlsPath('renewed.pem'), files.certFile)],
    ['that are expired', () => files.install('expired')],
    ['that are emptied', () => truncate(files.keyFile)],
    ['whose key others can read now', () => chmod(files.keyFile, 0o644)],
  ])('%s are reported once, and the good ones stay until better ones come', async (_what, change) => {
    const tls = await start()
    const seen: TlsMaterial[] = []
    tls.onChange((material) => seen.push(material))
    const before = tls.material()
    await change()
    await tls.check()
    await tls.check()
    expect(tls.material()).toBe(before)
    expect(seen).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('stays in use')])
    await files.install('renewed')
    await tls.check()
    expect(tls.material().certificatePem).toBe(await readFile(files.certFile, 'utf8'))
    expect(seen).toHaveLength(1)
  })
})
