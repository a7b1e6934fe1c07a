import type { CliIo } from './print.ts'
import { InputRefused, readInput } from './read-input.ts'

/** More than the longest badge, so that the verifier gets to say what is wrong with it. */
const MAX_BYTES = 64 * 1024

/** What begins like a JWS is one: its header is a JSON object. */
const TOKEN = /^eyJ[^./\\]*\./

/**
 * The badge that an argument gives: the token itself, a file that holds it, or `-` for
 * standard input. White space around the token in a file is no part of it.
 *
 * A badge is a secret: it is never echoed, and neither is an argument that may be a damaged one.
 *
 * @throws {InputRefused}
 */
export async function readBadgeArgument(argument: string, io: CliIo): Promise<string> {
  if (TOKEN.test(argument)) return argument
  try {
    return (await readInput(argument, MAX_BYTES, io)).trim()
  } catch (cause) {
    if (!(cause instanceof InputRefused) || argument === '-') throw cause
    throw new InputRefused(
      'The argument is neither a badge (eyJ….….…) nor a file that can be read; - reads standard input',
      { cause },
    )
  }
}

/** Warns of what other users of the machine can see: the arguments of every process. */
export function warnOfVisibleToken(argument: string, io: CliIo): void {
  if (!TOKEN.test(argument)) return
  io.stderr(
    'note: other users of this machine can see a badge in the arguments; a file, or - for standard input, hides it\n',
  )
}
