import type { Telemetry } from '../../ports/telemetry.ts'

/** Keeps copies of checkpoints elsewhere, behind publishing and never in its way. */
export interface AnchorWriter {
  /** Stores this checkpoint soon, unless a newer one comes first. */
  offer(checkpoint: Uint8Array): void
  /** Resolves when what was offered is stored or failed. */
  settled(): Promise<void>
}

/**
 * @param write durable on return; what it throws is reported and stops nothing: decisions do
 *   not rest on the copy, and the next one is tried again
 */
export function createAnchorWriter(
  write: (checkpoint: Uint8Array) => Promise<void>,
  telemetry: Pick<Telemetry, 'fault'>,
): AnchorWriter {
  let newest: Uint8Array | undefined
  let writing: Promise<void> | undefined

  async function writeAll(): Promise<void> {
    while (newest !== undefined) {
      const checkpoint = newest
      newest = undefined
      try {
        await write(checkpoint)
      } catch (cause) {
        telemetry.fault({ where: 'writing the evidence anchor', cause })
      }
    }
    writing = undefined
  }

  return {
    offer(checkpoint) {
      newest = checkpoint
      writing ??= writeAll()
    },
    settled: async () => writing,
  }
}
