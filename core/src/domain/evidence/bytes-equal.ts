/** Whether two byte strings are the same. For public values: the time it takes is not constant. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
