import { NO_POLICY } from '../domain/policy/policy.ts'
import type { InProcessCore } from '../in-process-core.ts'
import type { CliIo } from './print.ts'

/** In front of a server that demands nothing itself, a core without a policy only records. */
export async function tellWithoutPolicy(core: InProcessCore, io: CliIo): Promise<void> {
  const { policyVersion } = await core.getServerInfo()
  if (policyVersion !== NO_POLICY.version) return
  io.stderr('capiscio: there is no policy, so everybody may run every tool, and it is recorded: see --policy\n')
}
