import type { TlsConfig } from './config.ts'
import { DEFAULT_ORIGIN } from './config-origin.ts'
import type { ListenSources } from './config-sources.ts'
import { type Decisions, fromEnv, fromFlag } from './decisions.ts'
import { ENVIRONMENT_NAMES as ENV } from './environment.ts'
import { parseFilePath } from './file-path.ts'
import { oneOf } from './one-of.ts'

/**
 * Decides whether and how the TCP and web listeners use TLS. As the listeners themselves,
 * `rpc` does not read it from the file.
 */
export function decideTls(decisions: Decisions, sources: ListenSources): TlsConfig | undefined {
  const { flags, environment } = sources
  const { file, written } = writtenListen(sources)
  const path = (
    field: 'certFile' | 'keyFile' | 'clientCaFile',
    flag: string,
    flagged: string | undefined,
    name: string,
    set: string | undefined,
  ): string | undefined =>
    decisions.pick<string, string | undefined>(
      `listen.tls.${field}`,
      [fromFlag(flag, flagged), fromEnv(name, set), file?.candidate(['listen', 'tls', field], written?.tls?.[field])],
      (text, base) => parseFilePath(text, base, sources.home),
      () => undefined,
    )
  const certFile = path('certFile', '--tls-cert', flags.tlsCert, ENV.tlsCert, environment.tlsCert)
  const keyFile = path('keyFile', '--tls-key', flags.tlsKey, ENV.tlsKey, environment.tlsKey)
  const clientCaFile = path(
    'clientCaFile',
    '--tls-client-ca',
    flags.tlsClientCa,
    ENV.tlsClientCa,
    environment.tlsClientCa,
  )
  const minVersion = decisions.pick(
    'listen.tls.minVersion',
    [file?.candidate(['listen', 'tls', 'minVersion'], written?.tls?.minVersion)],
    (text) => oneOf(['TLSv1.2', 'TLSv1.3'] as const, text),
    () => 'TLSv1.2' as const,
  )
  const clientCertificates = decisions.pick(
    'listen.tls.clientCertificates',
    [file?.candidate(['listen', 'tls', 'clientCertificates'], written?.tls?.clientCertificates)],
    (text) => oneOf(['required', 'optional'] as const, text),
    () => 'required' as const,
  )
  if (certFile === undefined || keyFile === undefined) {
    if (certFile !== undefined || keyFile !== undefined || clientCaFile !== undefined || written?.tls !== undefined) {
      const given = (['certFile', 'keyFile', 'clientCaFile'] as const)
        .map((field) => decisions.originOf(`listen.tls.${field}`))
        .find(({ kind }) => kind !== 'default')
      const origin = given ?? file?.originOf(['listen', 'tls']) ?? DEFAULT_ORIGIN
      decisions.refuse('CONFLICT', origin, 'TLS needs a certificate and its key: give both certFile and keyFile')
    }
    return undefined
  }
  return { certFile, keyFile, ...(clientCaFile !== undefined && { clientCaFile }), clientCertificates, minVersion }
}

/** Decides where the tokens of callers are. */
export function decideTokenFile(decisions: Decisions, sources: ListenSources): string | undefined {
  const { flags, environment, home } = sources
  const { file, written } = writtenListen(sources)
  return decisions.pick<string, string | undefined>(
    'listen.tokenFile',
    [
      fromFlag('--token-file', flags.tokenFile),
      fromEnv(ENV.tokenFile, environment.tokenFile),
      file?.candidate(['listen', 'tokenFile'], written?.tokenFile),
    ],
    (text, base) => parseFilePath(text, base, home),
    () => undefined,
  )
}

function writtenListen({ command, file }: ListenSources) {
  return command === 'rpc' ? {} : { file, written: file?.written.listen }
}
