/** Allowed calls of this process whose outcome may still come. */
export interface OpenCalls {
  /** Remembers a decision that let a tool run, once its record is durable. */
  add(id: string, leaf: Uint8Array): void
  /**
   * Gives the record of a decision, at most once: whoever has it is the first to tell its
   * outcome. `undefined` says nothing; the log knows.
   */
  take(id: string): Uint8Array | undefined
}

/**
 * Saves an outcome the way through the index. Only the newest are kept: what is forgotten is
 * looked up.
 */
export function createOpenCalls(maxEntries: number): OpenCalls {
  const leaves = new Map<string, Uint8Array>()
  return {
    add(id, leaf) {
      leaves.set(id, leaf)
      if (leaves.size <= maxEntries) return
      for (const oldest of leaves.keys()) {
        leaves.delete(oldest)
        return
      }
    },
    take(id) {
      const leaf = leaves.get(id)
      leaves.delete(id)
      return leaf
    },
  }
}
