import type { ToolAccess } from '../sdk/tool-access.ts'
import { isObject, type Members, own } from './messages.ts'

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

/** Where a decision was recorded. */
type Recorded = Pick<ToolAccess, 'evidenceId' | 'logOrigin' | 'leafIndex'>

/** @param meta `params._meta` of a request */
export function wantsProof(meta: unknown): boolean {
  return isObject(meta) && own(meta, WANT_PROOF_META_NAME) === true
}

/** The receipt of a decision; `undefined` for one that could not be recorded. */
export function receiptOf(decision: Recorded, proof?: string): McpReceipt | undefined {
  const { evidenceId, logOrigin, leafIndex } = decision
  if (evidenceId === undefined || logOrigin === undefined || leafIndex === undefined) return undefined
  return { evidenceId, logOrigin, leafIndex: String(leafIndex), ...(proof !== undefined && { proof }) }
}

/** A result with the receipt of its decision. What is there already stays, whoever put it there. */
export function attachReceipt(result: Members, decision: Recorded, proof?: string): Members {
  const receipt = receiptOf(decision, proof)
  if (receipt === undefined) return result
  const meta = isObject(result._meta) ? result._meta : {}
  return { ...result, _meta: { [EVIDENCE_META_NAME]: receipt, ...meta } }
}

/**
 * Reads the receipt from a result; `undefined` when there is none that can be read.
 *
 * It is a claim of whoever answered: a server may have put it there itself. Its proof holds for
 * a record, and only that record says of which call it is.
 */
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
