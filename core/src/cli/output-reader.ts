import { EXIT_FAILURE } from './print.ts'

/** Exit code of a program that SIGPIPE ended, as shells report it. */
const BROKEN_PIPE = 141

/** Ends the process when nobody reads its output any more: after its lines, `head` wants no more. */
export function endWithReader(): void {
  process.stdout.on('error', end)
}

/** For what goes on without being read, such as a service. */
export function outliveReader(): void {
  process.stdout.off('error', end)
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}

function end({ code, message }: NodeJS.ErrnoException): never {
  if (code === 'EPIPE') process.exit(BROKEN_PIPE)
  process.stderr.write(`capiscio: Standard output cannot be written: ${message}\n`)
  process.exit(EXIT_FAILURE)
}
