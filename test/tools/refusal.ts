/** What a call threw: its class and code, or the thrown thing itself where it has none. */
export function refusalOf(call: () => unknown): unknown {
  try {
    return { returned: call() }
  } catch (thrown) {
    return described(thrown)
  }
}

/** The same for a promise. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { returned: await promise }
  } catch (thrown) {
    return described(thrown)
  }
}

function described(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown
  return 'code' in thrown ? `${thrown.name} ${String(thrown.code)}` : thrown.name
}
