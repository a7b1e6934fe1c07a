import { styleText } from 'node:util'
import type { BadgeExplanation, ExplainedStep } from '../domain/badge/explain-badge.ts'
import type { VerifiedBadge } from '../domain/badge/verify-badge.ts'
import { type CliIo, EXIT_FAILURE, printable, printJson, printTable } from './print.ts'

const MARKS: Readonly<
  Record<ExplainedStep['outcome'], { readonly mark: string; readonly color: 'green' | 'red' | 'gray' }>
> = {
  passed: { mark: '✓', color: 'green' },
  failed: { mark: '✗', color: 'red' },
  skipped: { mark: '-', color: 'gray' },
  'not-reached': { mark: ' ', color: 'gray' },
}

/** Prints what became of a badge and sets the exit code: the answer on standard output, the reason of a refusal beside it. */
export function printVerification(
  { steps, result }: BadgeExplanation,
  warnings: readonly string[],
  { json, explain }: { readonly json: boolean; readonly explain: boolean },
  io: CliIo,
): void {
  if (!result.ok) io.setExitCode(EXIT_FAILURE)
  if (json) {
    const answer = result.ok
      ? { verified: true, badge: describe(result.badge) }
      : {
          verified: false,
          code: result.refused.code,
          message: result.refused.message,
          retryable: result.refused.retryable,
        }
    printJson(io, { ...answer, warnings, ...(explain && { steps }) })
    return
  }
  if (explain) for (const step of steps) io.stdout(`${lineOf(step, io)}\n`)
  if (!result.ok) {
    io.stdout(`${paint('REFUSED', 'red', io)}  ${result.refused.code}\n`)
    io.stderr(`${result.refused.code}: ${printable(result.refused.message)}\n`)
    return
  }
  io.stdout(`${paint('VERIFIED', 'green', io)}\n`)
  const { audience, domain, ...badge } = describe(result.badge)
  printTable(io, [
    ...Object.entries(badge).map(([name, value]) => [name, String(value)]),
    ['domain', domain ?? 'none'],
    ['audience', audience?.join(', ') ?? 'everybody'],
  ])
}

function describe({
  subject,
  issuer,
  level,
  ial,
  jti,
  issuedAt,
  expiresAt,
  domain,
  audience,
  keyThumbprint,
}: VerifiedBadge) {
  const instant = (seconds: number): string => new Date(seconds * 1000).toISOString()
  return {
    ...{ subject, issuer, level, ial, jti },
    issued: instant(issuedAt),
    expires: instant(expiresAt),
    keyThumbprint,
    domain: domain ?? null,
    audience: audience ?? null,
  }
}

function lineOf({ id, title, outcome, detail }: ExplainedStep, io: CliIo): string {
  const { mark, color } = MARKS[outcome]
  const because = detail === undefined ? '' : `  (${printable(detail)})`
  return paint(`${mark} ${id.padEnd(5)} ${title}${because}`, color, io)
}

/** Colour for people at a terminal who want it (no-color.org). */
function paint(text: string, color: 'green' | 'red' | 'gray', { stdoutIsTty, env }: CliIo): string {
  return stdoutIsTty && !env.NO_COLOR ? styleText(color, text, { validateStream: false }) : text
}
