import type { Command } from 'commander'
import { BadgeRefused } from '../domain/badge/badge-refused.ts'
import { parseCompactJws } from '../domain/badge/compact-jws.ts'
import { parseBadge } from '../domain/badge/parse-badge.ts'
import { readBadgeArgument, warnOfVisibleToken } from './badge-argument.ts'
import { type CliIo, EXIT_FAILURE, printable, printJson } from './print.ts'
import { refusing } from './refusing.ts'

const HELP = `
Example:
  $ capiscio badge parse badge.jwt

Shows what a badge says. Verifies nothing: anybody can write anything into a badge. To find out
whether it is true: capiscio badge verify.
Exit codes: 0 a well-formed badge, genuine or not; 1 no badge; 2 wrong usage.
`

/** `capiscio badge parse` */
export function addBadgeParseCommand(badge: Command, io: CliIo): void {
  badge
    .command('parse')
    .description('show what a badge says, WITHOUT verifying it')
    .argument('<badge>', 'the badge, a file that holds it, or - for standard input')
    .option('--json', 'print JSON', false)
    .addHelpText('after', HELP)
    .action((argument: string, { json }: { readonly json: boolean }) =>
      refusing(io, json, () => parse(argument, json, io)),
    )
}

async function parse(argument: string, json: boolean, io: CliIo): Promise<void> {
  warnOfVisibleToken(argument, io)
  const token = await readBadgeArgument(argument, io)
  let jws: ReturnType<typeof parseCompactJws>
  try {
    jws = parseCompactJws(token)
  } catch (refused) {
    if (!(refused instanceof BadgeRefused)) throw refused
    io.setExitCode(EXIT_FAILURE)
    if (json) printJson(io, { verified: false, wellFormed: false, code: refused.code, message: refused.message })
    else io.stderr(`${refused.code}: ${refused.message}\n`)
    return
  }
  const problem = formProblem(token)
  if (problem !== undefined) io.setExitCode(EXIT_FAILURE)
  const header = masked(jws.header)
  const payload = masked(jws.payload)
  if (json) {
    const told = problem === undefined ? {} : { code: problem.code, message: problem.message }
    printJson(io, { verified: false, wellFormed: problem === undefined, ...told, header, payload })
    return
  }
  io.stderr('NOT VERIFIED: anybody can write this. Ask "capiscio badge verify" before you believe it.\n')
  // JSON escapes most control characters, and the rest is made visible.
  io.stdout(`${[`header ${pretty(header)}`, `payload ${pretty(payload)}`].join('\n')}\n`)
  if (problem !== undefined) io.stderr(`${problem.code}: ${printable(problem.message)}\n`)
}

function formProblem(token: string): BadgeRefused | undefined {
  try {
    parseBadge(token, { requireKey: true })
    return undefined
  } catch (refused) {
    if (refused instanceof BadgeRefused) return refused
    throw refused
  }
}

/** Whoever put a private key into a badge has trouble enough without it on a screen. */
function masked(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (name, member: unknown) => (name === 'd' ? '********' : member)))
}

function pretty(value: unknown): string {
  return JSON.stringify(value, undefined, 2).split('\n').map(printable).join('\n')
}
