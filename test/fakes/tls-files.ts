import { chmod, copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, 'tls')

/** Path of a certificate or key of `test/fakes/tls`, such as `server.pem`. */
export const tlsPath = (name: string): string => join(FOLDER, name)

export const tlsPem = (name: string): Promise<string> => readFile(tlsPath(name), 'utf8')

/** A folder of its own with the files of a server, as an operator has them: the key is 0600. */
export interface ServerFiles extends AsyncDisposable {
  readonly folder: string
  readonly certFile: string
  readonly keyFile: string
  readonly clientCaFile: string
  /** Puts another certificate and its key in their place. */
  install(name: string): Promise<void>
  installClientCa(name: string): Promise<void>
}

export async function makeServerFiles(name = 'server'): Promise<ServerFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-tls-'))
  const files: ServerFiles = {
    folder,
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
    clientCaFile: join(folder, 'client-ca.pem'),
    async install(other) {
      await copyFile(tlsPath(`${other}-key.pem`), files.keyFile)
      await chmod(files.keyFile, 0o600)
      await copyFile(tlsPath(`${other}.pem`), files.certFile)
    },
    installClientCa: (other) => copyFile(tlsPath(`${other}.pem`), files.clientCaFile),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
  await files.install(name)
  await files.installClientCa('authority')
  return files
}
