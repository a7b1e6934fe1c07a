import type { AllowedToolAccess } from '../sdk/tool-access.ts'
import { isObject, type McpMessage, type Members, metaOf, own } from './messages.ts'

/** Where the receipt of a decision stands in the `_meta` of a result. */
export const EVIDENCE_META_NAME = 'io.capisc/evidence'

/** A client that wants the proof too sets this to true in the `_meta` of its request. */
export const WANT_PROOF_META_NAME = 'io.capisc/want-proof'

/** Which record stands behind a call, so that its caller can ask for it later. */
export interface McpReceipt {
  /** UUID of the record. */
  readonly evidenceId: string
  /** The evidence log's name. */
  readonly logOrigin: string
  /** Position of the record in that log. A string: JSON readers lose digits of large numbers. */
  readonly leafIndex: string
  /** C2SP tlog-proof with the signed checkpoint, when it was asked for. */
  readonly proof?: string | undefined
}

export function wantsProof(request: McpMessage): boolean {
  return own(metaOf(request), WANT_PROOF_META_NAME) === true
}

export function receiptOf(decision: AllowedToolAccess, proof?: string): McpReceipt {
  const { evidenceId, logOrigin, leafIndex } = decision
  return { evidenceId, logOrigin, leafIndex: String(leafIndex), ...(proof !== undefined && { proof }) }
}

/** A result with its receipt. What is there already stays, whoever put it there. */
export function attachReceipt(result: Members, receipt: McpReceipt): Members {
  const meta = isObject(result._meta) ? result._meta : {}
  return { ...result, _meta: { [EVIDENCE_META_NAME]: receipt, ...meta } }
}

/** Reads the receipt from a result; `undefined` when there is none that can be read. */
export function receiptFrom(result: Members): McpReceipt | undefined {
  const receipt = isObject(result._meta) ? own(result._meta, EVIDENCE_META_NAME) : undefined
  if (!isObject(receipt)) return undefined
  const { evidenceId, logOrigin, leafIndex, proof } = receipt
  const isWhole = [evidenceId, logOrigin, leafIndex].every((text) => typeof text === 'string')
  if (!isWhole || !/^(0|[1-9][0-9]*)$/.test(String(leafIndex))) return undefined
  return {
    evidenceId: String(evidenceId),
    logOrigin: String(logOrigin),
    leafIndex: String(leafIndex),
    ...(typeof proof === 'string' && { proof }),
  }
}
