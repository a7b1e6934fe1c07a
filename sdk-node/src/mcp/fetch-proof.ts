import { create } from '@bufbuild/protobuf'
import { GetRecordRequestSchema } from '@capiscio/proto/core/v1'
import { CoreTimeoutError, type ToolAccess, withLimits } from '@capiscio/proto/sdk'
import type { CoreClient } from '../client.ts'

/** How long a reply may wait for its proof, in milliseconds. */
export const PROOF_TIMEOUT_MS = 2_000

/**
 * The proof that a decision is in the log, as C2SP tlog-proof text. `undefined` when it cannot
 * be had in time, or from here: reading evidence is for programs of the core's own machine and
 * for clients with a certificate. A call does not fail for want of its proof.
 */
export async function fetchProof(
  client: CoreClient,
  { leafIndex, logOrigin, leaf }: Pick<ToolAccess, 'leafIndex' | 'logOrigin' | 'leaf'>,
  timeoutMs: number = PROOF_TIMEOUT_MS,
): Promise<string | undefined> {
  if (client.getRecord === undefined || leafIndex === undefined || leaf === undefined) return undefined
  try {
    const asked = client.getRecord(create(GetRecordRequestSchema, { key: { case: 'leafIndex', value: leafIndex } }), {
      timeoutMs,
    })
    // A client that keeps no deadline of its own must not hold the reply.
    const late = (): Error => new CoreTimeoutError(`The proof took longer than ${timeoutMs} ms.`)
    const found = await withLimits(asked, { signal: undefined, timeoutMs }, late)
    // Behind one address there may be another core now, with another log.
    const isThisRecord = found.logOrigin === logOrigin && isSame(found.entry?.leaf, leaf)
    return isThisRecord && found.receipt !== '' ? found.receipt : undefined
  } catch {
    return undefined
  }
}

function isSame(found: Uint8Array | undefined, leaf: Uint8Array): boolean {
  return found !== undefined && Buffer.from(found).equals(leaf)
}
