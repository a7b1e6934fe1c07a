import { RegistrationError } from '@capiscio/proto/registry'
import { DidRefused } from '../domain/did/did-refused.ts'
import { TrustRefused } from '../domain/trust/trust-refused.ts'
import { SourceUnavailable } from '../ports/source-unavailable.ts'
import { type CliIo, EXIT_FAILURE, printable, printJson } from './print.ts'
import { InputRefused } from './read-input.ts'

/**
 * Runs a command whose refusals are answers: one line on standard error, or with `--json`
 * one document on standard output, and exit code 1.
 */
export async function refusing(io: CliIo, json: boolean, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (refused) {
    const code = codeOf(refused)
    if (code === undefined || !(refused instanceof Error)) throw refused
    io.setExitCode(EXIT_FAILURE)
    if (json) printJson(io, { ok: false, code, message: refused.message })
    else io.stderr(`capiscio: ${printable(refused.message)}\n`)
  }
}

/** Of errors whose message is all that a person needs. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof InputRefused) return 'INPUT_REFUSED'
  if (error instanceof SourceUnavailable) return 'SOURCE_UNAVAILABLE'
  return error instanceof TrustRefused || error instanceof DidRefused || error instanceof RegistrationError
    ? error.code
    : undefined
}
