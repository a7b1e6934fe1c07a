import type { DeniedToolAccess } from '../sdk/tool-access.ts'
import type { Members } from './messages.ts'

/** Where the reason of a denial stands in the `_meta` of a result. */
export const DENIAL_META_NAME = 'io.capisc/denial'

/** Why a tool did not run, for programs. */
export interface McpDenial {
  /** Stable code, such as `TOOL_TRUST_INSUFFICIENT`. */
  readonly code: string
  /** Why, more exactly than the code. */
  readonly reason: string
  /** UUID of the record of the denial; absent when none could be written. */
  readonly evidenceId?: string | undefined
}

/**
 * The answer to a `tools/call` that was denied: a tool result with `isError`, which both eras
 * and both SDKs show to the model. Details are in `_meta`: `structuredContent` would have to
 * fit the tool's own schema.
 *
 * @param modern Results of the modern era say that they are complete.
 */
export function denialResult(
  denied: Pick<DeniedToolAccess, 'code' | 'reason' | 'message' | 'evidenceId'>,
  modern: boolean,
): Members {
  const { code, reason, message, evidenceId } = denied
  const denial: McpDenial = { code, reason, ...(evidenceId !== undefined && { evidenceId }) }
  return {
    ...(modern && { resultType: 'complete' }),
    isError: true,
    content: [{ type: 'text', text: `Denied: ${reason}${message === '' ? '' : `. ${message}`}` }],
    _meta: { [DENIAL_META_NAME]: denial },
  }
}
