import { LogDirectoryRefused } from '../../adapters/evidence/log-directory-refused.ts'
import { EvidenceRefused } from '../../domain/evidence/evidence-errors.ts'
import { type CliIo, EXIT_EVIDENCE, EXIT_FAILURE, printable, printJson } from '../print.ts'

/** The command cannot do what was asked. The message says what to do. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused'
}

/**
 * Runs a command of `capiscio evidence`. What it refuses becomes a line for people, or with
 * `--json` a document, and an exit code: 3 where evidence is not what was written, else 1.
 */
export async function answering(io: CliIo, json: boolean, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (refused) {
    const code = codeOf(refused)
    if (code === undefined || !(refused instanceof Error)) throw refused
    io.setExitCode(refused instanceof EvidenceRefused ? EXIT_EVIDENCE : EXIT_FAILURE)
    if (json) printJson(io, { ok: false, code, message: refused.message })
    else
      io.stderr(
        `capiscio: ${printable(refused instanceof EvidenceRefused ? `${code}: ` : '')}${printable(refused.message)}\n`,
      )
  }
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof CommandRefused) return 'COMMAND_REFUSED'
  return error instanceof EvidenceRefused || error instanceof LogDirectoryRefused ? error.code : undefined
}
