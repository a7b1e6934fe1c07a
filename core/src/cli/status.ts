import { timestampDate } from '@bufbuild/protobuf/wkt'
import {
  GetServerInfoRequestSchema,
  type GetServerInfoResponse,
  GetServerInfoResponseSchema,
} from '@capiscio/proto/core/v1'
import type { Command } from 'commander'
import { CoreUnreachable, callCore } from './core-call.ts'
import { parseSeconds } from './duration.ts'
import type { CliIo } from './print.ts'

const EXAMPLE = `
Example:
  $ capiscio status --address 127.0.0.1:50051

Exit codes: 0 ready, 1 not ready or not reachable, 2 wrong usage.
`

/** `capiscio status`: what a running core says about itself. */
export function addStatusCommand(program: Command, io: CliIo): void {
  program
    .command('status')
    .description('show what a running core says about itself')
    .option(
      '--address <address>',
      'HOST:PORT, unix:/PATH or https://HOST:PORT',
      io.env.CAPISCIO_CORE_ADDR || '127.0.0.1:50051',
    )
    .option('--timeout <seconds>', 'how long to wait for an answer', parseSeconds, 3)
    .option('--json', 'print JSON', false)
    .addHelpText('after', EXAMPLE)
    .action(async ({ address, timeout, json }: { address: string; timeout: number; json: boolean }) => {
      try {
        const info = await callCore(
          '/capiscio.core.v1.CoreService/GetServerInfo',
          GetServerInfoRequestSchema,
          GetServerInfoResponseSchema,
          { address, env: io.env, timeoutMs: timeout * 1000 },
        )
        io.stdout(json ? `${JSON.stringify(asJson(address, info), null, 2)}\n` : asText(address, info))
        if (!info.ready) io.setExitCode(1)
      } catch (error) {
        if (!(error instanceof CoreUnreachable)) throw error
        if (json) io.stdout(`${JSON.stringify({ address, reachable: false, message: error.message }, null, 2)}\n`)
        io.stderr(`${error.message}\n`)
        io.setExitCode(1)
      }
    })
}

function asJson(address: string, info: GetServerInfoResponse) {
  return {
    address,
    reachable: true,
    ready: info.ready,
    notReadyReasons: info.notReadyReasons,
    coreVersion: info.coreVersion,
    protoVersion: info.protoVersion,
    profile: info.profile,
    policyVersion: info.policyVersion,
    acceptsLevelZero: info.acceptsLevelZero,
    trustedIssuers: info.trustedIssuers.map(
      ({ issuer, keySource, keys, keysFetchedAt, keysError, keysStale, revocation }) => ({
        issuer,
        keySource,
        keys,
        keysFetchedAt: keysFetchedAt === undefined ? null : timestampDate(keysFetchedAt).toISOString(),
        keysError,
        keysStale,
        revocation: revocation && {
          mode: revocation.mode,
          syncedAt: revocation.syncedAt === undefined ? null : timestampDate(revocation.syncedAt).toISOString(),
          entries: String(revocation.entries),
          stale: revocation.stale,
        },
      }),
    ),
    evidenceLog: info.evidenceLog && {
      origin: info.evidenceLog.origin,
      vkey: info.evidenceLog.vkey,
      size: String(info.evidenceLog.size),
      writable: info.evidenceLog.writable,
    },
    startedAt: info.startedAt && timestampDate(info.startedAt).toISOString(),
    implementedMethods: info.implementedMethods,
  }
}

function asText(address: string, info: GetServerInfoResponse): string {
  const issuers = info.trustedIssuers.map(
    ({ issuer, keySource, keys, keysStale }) => `${issuer} (${keys} keys, ${keySource}${keysStale ? ', STALE' : ''})`,
  )
  const revocations = info.trustedIssuers.map(({ revocation }) => {
    const { mode = 'unknown', entries = 0n, syncedAt, stale = false } = revocation ?? {}
    const synced = syncedAt === undefined ? '' : ` at ${timestampDate(syncedAt).toISOString()}`
    return `${mode} (${entries} revoked${synced}${stale ? ', STALE' : ''})`
  })
  const log = info.evidenceLog
  const rows: [string, string][] = [
    ['core', `${info.coreVersion} at ${address}, profile ${info.profile}`],
    ['ready', info.ready ? 'yes' : `no: ${info.notReadyReasons.join(' ')}`],
    ['policy', info.policyVersion],
    ['issuers', issuers.length > 0 ? issuers.join(', ') : 'none: badges of level 1 to 4 are denied'],
    ['revoked', revocations.join(', ')],
    ['level 0', info.acceptsLevelZero ? 'accepted where the request agrees' : 'refused'],
    ['evidence', log ? `${log.size} records in ${log.origin}, ${log.writable ? 'writable' : 'NOT WRITABLE'}` : 'none'],
    ['log key', log?.vkey ?? ''],
    ['started', info.startedAt ? timestampDate(info.startedAt).toISOString() : ''],
  ]
  return `${rows.map(([name, value]) => `${name.padEnd(9)} ${value}`).join('\n')}\n`
}
