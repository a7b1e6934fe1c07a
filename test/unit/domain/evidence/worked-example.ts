import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface WorkedExample {
  readonly seed: string
  readonly publicKey: string
  readonly origin: string
  readonly keyId: string
  readonly vkey: string
  readonly entries: readonly { readonly text: string; readonly leafHash: string }[]
  readonly roots: readonly { readonly size: number; readonly root: string }[]
  readonly checkpoints: readonly { readonly size: number; readonly note: string; readonly sha256: string }[]
  readonly inclusion: readonly { readonly size: number; readonly index: number; readonly proof: readonly string[] }[]
  readonly consistency: readonly { readonly from: number; readonly to: number; readonly proof: readonly string[] }[]
  readonly largerTrees: readonly { readonly size: number; readonly root: string }[]
  /** Of the log with three entries, beside its checkpoint. */
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[]
  readonly receipt: { readonly index: number; readonly text: string }
  readonly witness: {
    readonly seed: string
    readonly publicKey: string
    readonly keyId: string
    readonly vkey: string
    readonly time: number
    /** What it adds to the third checkpoint. */
    readonly line: string
  }
  readonly thirdPartyNote: { readonly vkey: string; readonly text: string; readonly note: string }
}

/** The log of evidence-log §10. */
export const example: WorkedExample = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../vectors/evidence/worked-example.json'), 'utf8'),
)

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

/** The code of a refusal, or what else was thrown. */
export function codeOf(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
  return 'accepted'
}
