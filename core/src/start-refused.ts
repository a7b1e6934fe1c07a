/** A file that the configuration names cannot be used. The message says which, where and why. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
}
