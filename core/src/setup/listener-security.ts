import { openTokenFile, type TokenFile } from '../adapters/access/token-file.ts'
import { openTlsFiles, type TlsFiles } from '../adapters/tls/tls-files.ts'
import type { ListenConfig } from '../config/config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Telemetry } from '../ports/telemetry.ts'

/** What protects the TCP and the web listener; what is absent was not configured. */
export interface ListenerSecurity extends Disposable {
  readonly tls?: TlsFiles
  readonly tokens?: TokenFile
  /** Looks at the files now, instead of within a second. */
  check(): Promise<void>
}

/**
 * Reads the files that protect the listeners, and follows them.
 *
 * @throws {FileRefused} for one that cannot be used; then none is followed
 */
export async function openListenerSecurity(
  { tls: configured, tokenFile }: ListenConfig,
  { clock, telemetry }: { readonly clock: Clock; readonly telemetry: Pick<Telemetry, 'warning'> },
): Promise<ListenerSecurity> {
  const warnWith = (code: string) => (message: string) => telemetry.warning({ code, message })
  const tls =
    configured && (await openTlsFiles({ ...configured, nowMs: clock.nowMs, onWarning: warnWith('TLS_FILES') }))
  try {
    const tokens =
      tokenFile === undefined ? undefined : await openTokenFile({ path: tokenFile, onWarning: warnWith('TOKEN_FILE') })
    return {
      ...(tls && { tls }),
      ...(tokens && { tokens }),
      async check() {
        await tls?.check()
        await tokens?.check()
      },
      [Symbol.dispose]() {
        tls?.[Symbol.dispose]()
        tokens?.[Symbol.dispose]()
      },
    }
  } catch (refused) {
    tls?.[Symbol.dispose]()
    throw refused
  }
}
