/** What was taken and is to be released, the last one first. */
export interface ReleaseStack extends AsyncDisposable {
  /** Adds what releases something. It runs whether or not the others fail. */
  defer(release: () => unknown): void
}

/**
 * For places that take one thing after another and may fail in between. Disposing runs every
 * release once, in reverse order; a second time it does nothing.
 *
 * @throws from disposal what failed first, after everything else was released as well
 */
export function createReleaseStack(): ReleaseStack {
  const releases: (() => unknown)[] = []
  return {
    defer: (release) => void releases.push(release),
    async [Symbol.asyncDispose]() {
      const failures: unknown[] = []
      for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
        try {
          await release()
        } catch (failure) {
          failures.push(failure)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
