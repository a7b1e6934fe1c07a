import { create } from '@bufbuild/protobuf'
import { FilterToolsRequestSchema } from '@capiscio/proto/core/v1'
import type { DecidedGuardConfig } from '@capiscio/proto/sdk'
import { CoreFaultError } from '@capiscio/proto/sdk'
import type { CallerCredential } from './caller-credential.ts'
import { resolveSecret } from './caller-credential.ts'
import type { CallOptions, CoreClient } from './client.ts'

/** One tool of a listing, with what the server demands for it. */
export interface OfferedTool {
  readonly toolName: string
  readonly config: DecidedGuardConfig | undefined
}

/** Most tools that one question may hold. */
const PER_QUESTION = 1024

/**
 * The names of those tools that the caller may run now. The core judges each like a call of it
 * and records nothing.
 *
 * @throws CapiscioError when the core gave no answer. Show nothing then.
 */
export async function filterTools(
  client: CoreClient,
  tools: readonly OfferedTool[],
  credential: CallerCredential | undefined,
  options: CallOptions,
): Promise<ReadonlySet<string>> {
  const secret = credential && (await resolveSecret(credential))
  const allowed = new Set<string>()
  for (let start = 0; start < tools.length; start += PER_QUESTION) {
    const asked = tools.slice(start, start + PER_QUESTION)
    const request = create(FilterToolsRequestSchema, {
      tools: asked.map(({ toolName, config }) => ({ toolName, ...(config && { config: config.message }) })),
      ...(credential !== undefined && secret !== undefined
        ? { credential: { case: credential.kind === 'badge' ? 'badgeJws' : 'apiKey', value: secret } }
        : {}),
    })
    const answers = (await client.filterTools(request, options)).allowed
    if (answers.length !== asked.length) {
      throw new CoreFaultError('The core answered about other tools than it was asked. Nothing is shown.')
    }
    asked.forEach(({ toolName }, index) => {
      if (answers[index] === true) allowed.add(toolName)
    })
  }
  return allowed
}
