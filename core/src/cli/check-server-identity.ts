import { closeSync, openSync } from 'node:fs'
import { parseDid } from '../domain/did/did.ts'
import type { McpGuardFlags } from './mcp-guard-options.ts'
import type { CliIo } from './print.ts'
import { InputRefused } from './read-input.ts'

/**
 * Looks at the flags that say who the guarded server is. A badge file that is not there yet
 * is only told: whoever keeps it may be about to write it.
 *
 * @throws {InputRefused} for `--badge` and `--key` of nobody; DidRefused for what is no DID
 */
export function checkServerIdentity({ did, badge, key }: McpGuardFlags, io: CliIo): void {
  if (did === undefined) {
    if ((badge ?? key) !== undefined) throw new InputRefused('--badge and --key need --did')
    return
  }
  parseDid(did)
  if (badge === undefined) return
  try {
    closeSync(openSync(badge, 'r'))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    io.stderr(`capiscio: until the badge can be read, clients cannot verify the server: ${reason}\n`)
  }
}
