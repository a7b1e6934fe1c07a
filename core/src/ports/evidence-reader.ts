/**
 * Reads what one evidence log has made durable, while it is being written or long after.
 *
 * Needs no lock and changes nothing. What is given was covered by the checkpoint at the
 * time it was asked for; nothing newer is shown. Rejects with `EvidenceRefused` when the
 * stored files contradict each other, and never gives bytes that it could not place in the
 * tree of the checkpoint.
 */
export interface EvidenceReader {
  readonly origin: string
  /** Verifier key string for auditors. */
  readonly vkey: string
  /** Entries under `checkpoint()`. */
  readonly size: number
  /** The newest durable signed checkpoint; absent while the log is empty. */
  checkpoint(): Uint8Array | undefined
  /** Entries from `from` up to, not including, `to`, in order. `to` is at most `size`. */
  entries(from: number, to: number): AsyncIterable<{ readonly index: number; readonly leaf: Uint8Array }>
  /** RFC 6962 audit path of `index` in the tree of the first `size` entries, leaf's sibling first. */
  inclusionProof(index: number, size: number): Promise<readonly Uint8Array[]>
  /** RFC 6962 consistency proof between the trees of the first `from` and the first `to` entries. */
  consistencyProof(from: number, to: number): Promise<readonly Uint8Array[]>
}
