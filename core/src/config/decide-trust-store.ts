import { join } from 'node:path'
import type { ConfigSources } from './config-sources.ts'
import { type Decisions, fromEnv, fromFlag } from './decisions.ts'
import { ENVIRONMENT_NAMES as ENV } from './environment.ts'
import { isWithin, parseFilePath } from './file-path.ts'

/**
 * Decides which folder holds the pinned keys: `~/.capiscio/trust`, or in `dev` one of its
 * own, so that trials change nobody's trust. Without a home and a name there is none.
 *
 * @param evidence folder of evidence, which others may read and write in their own ways
 */
export function decideTrustStore(
  decisions: Decisions,
  { command, flags, environment, file, cwd, home }: ConfigSources,
  evidence: string,
): string | undefined {
  const path = decisions.pick<string, string | undefined>(
    'trust.storePath',
    [
      fromFlag('--trust-store', flags.trustStore),
      fromEnv(ENV.trustPath, environment.trustPath),
      file?.candidate(['trust', 'storePath'], file.written.trust?.storePath),
    ],
    (text, base) => parseFilePath(text, base, home),
    () => {
      if (command === 'dev') return join(cwd, '.capiscio-dev', 'trust')
      return home === undefined ? undefined : join(home, '.capiscio', 'trust')
    },
  )
  if (path !== undefined && isWithin(path, evidence)) {
    const reason = 'The trust store decides who is believed: put it outside the evidence folder'
    decisions.refuse('CONFLICT', decisions.originOf('trust.storePath'), reason)
  }
  return path
}
