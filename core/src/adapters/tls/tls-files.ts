import { FileRefused } from '../files/file-refused.ts'
import { readOperatorFile, readSecretFile } from '../files/read-operator-file.ts'
import { watchFiles } from '../files/watch-files.ts'
import { parseTlsMaterial, type TlsMaterial } from './parse-tls-material.ts'

export interface TlsFilesOptions {
  /** PEM: the server's certificate, then those between it and its authority. */
  readonly certFile: string
  /** PEM without a passphrase. Only its owner, and at most its group, may read it. */
  readonly keyFile: string
  /** PEM: authorities whose clients are let in. Default: clients need no certificate. */
  readonly clientCaFile?: string
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** What becomes of clients without a certificate where `clientCaFile` is given. Default `required`. */
  readonly clientCertificates?: 'required' | 'optional'
  /** Time between two looks at the files, in milliseconds. Default 1000. */
  readonly checkEveryMs?: number
  /** Wall clock, in milliseconds since the Unix epoch. */
  readonly nowMs: () => number
  /** A change was refused, or something deserves a look. The message holds no secret. */
  readonly onWarning: (message: string) => void
}

/** What a TLS server runs with, followed as its files change. */
export interface TlsFiles extends Disposable {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly clientCertificates: 'none' | 'required' | 'optional'
  /** The newest good material. */
  material(): TlsMaterial
  /** Calls back after each change to other good material. */
  onChange(listener: (material: TlsMaterial) => void): void
  /** Looks at the files now. Resolves when a change, if there was one, is in force or refused. */
  check(): Promise<void>
}

/**
 * Reads the TLS files of a server and follows them. Files that are broken, expired or do not
 * belong together never replace good ones: they are reported, and what was good stays.
 *
 * @throws {FileRefused} when they cannot be used at all
 */
export async function openTlsFiles(options: TlsFilesOptions): Promise<TlsFiles> {
  const { certFile, keyFile, clientCaFile, minVersion = 'TLSv1.2', checkEveryMs = 1_000, nowMs, onWarning } = options
  const listeners: ((material: TlsMaterial) => void)[] = []

  async function load(): Promise<TlsMaterial> {
    const { text: key, groupReadable } = await readSecretFile(keyFile)
    if (groupReadable) onWarning(`${keyFile} can be read by its group: see that only the core is in it.`)
    const texts = {
      certificate: { path: certFile, text: await readOperatorFile(certFile) },
      privateKey: { path: keyFile, text: key },
      ...(clientCaFile !== undefined && {
        clientAuthorities: { path: clientCaFile, text: await readOperatorFile(clientCaFile) },
      }),
    }
    return parseTlsMaterial(texts, nowMs())
  }

  async function reload(): Promise<void> {
    try {
      material = await load()
    } catch (refused) {
      if (!(refused instanceof FileRefused)) throw refused
      onWarning(`${refused.message} The certificate that was in use stays in use.`)
      return
    }
    for (const listener of listeners) listener(material)
  }

  const paths = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])]
  const watch = await watchFiles({ paths, everyMs: checkEveryMs, onChange: reload })
  let material = await load().catch((refused: unknown) => {
    watch.close()
    throw refused
  })
  return {
    minVersion,
    clientCertificates: clientCaFile === undefined ? 'none' : (options.clientCertificates ?? 'required'),
    material: () => material,
    onChange: (listener) => void listeners.push(listener),
    check: () => watch.check(),
    [Symbol.dispose]: () => watch.close(),
  }
}
