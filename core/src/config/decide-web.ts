import type { WebConfig } from './config.ts'
import type { ConfigSources } from './config-sources.ts'
import { type Decisions, fromFlag } from './decisions.ts'
import { ValueRefused } from './value-refused.ts'

/** Decides which pages may call the core from a browser. */
export function decideWeb(decisions: Decisions, { file, flags }: Pick<ConfigSources, 'file' | 'flags'>): WebConfig {
  const allowedOrigins = decisions.pick<readonly string[], readonly string[]>(
    'web.allowedOrigins',
    [
      fromFlag('--allow-origin', flags.allowOrigin),
      file?.candidate(['web', 'allowedOrigins'], file.written.web?.allowedOrigins),
    ],
    (origins) => [...new Set(origins.map(parseWebOrigin))],
    () => [],
  )
  return { allowedOrigins }
}

/** An origin exactly as browsers send it. There is no wildcard: it would let every page in. */
function parseWebOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.origin !== text) {
    throw new ValueRefused(
      'An origin is scheme, host and port as a browser sends them, such as https://app.example.com',
    )
  }
  return text
}
