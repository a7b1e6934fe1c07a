/** The refusal that a call throws, of exactly the class that it must be. */
export function thrownBy<T extends Error>(refusal: abstract new (...args: never[]) => T, call: () => unknown): T {
  let returned: unknown
  try {
    returned = call()
  } catch (thrown) {
    if (thrown instanceof refusal) return thrown
    throw thrown
  }
  throw new Error(`Nothing was refused; the call returned ${JSON.stringify(returned)}`)
}
