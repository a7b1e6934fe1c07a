import type { OutboundConfig } from './config.ts'
import type { ConfigSources } from './config-sources.ts'
import type { Decisions } from './decisions.ts'
import { parseFilePath } from './file-path.ts'

/** Decides how the core reaches out. */
export function decideOutbound(
  decisions: Decisions,
  { file, home }: Pick<ConfigSources, 'file' | 'home'>,
): OutboundConfig {
  const caFile = decisions.pick<string, string | undefined>(
    'outbound.caFile',
    [file?.candidate(['outbound', 'caFile'], file.written.outbound?.caFile)],
    (text, base) => parseFilePath(text, base, home),
    () => undefined,
  )
  return caFile === undefined ? {} : { caFile }
}
