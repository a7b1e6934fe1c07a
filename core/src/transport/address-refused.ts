/** A listener could not be bound. The message says why and what to do. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
  /** The address is taken by another process: a free one would do. */
  readonly taken: boolean

  constructor(message: string, taken: boolean, options?: ErrorOptions) {
    super(message, options)
    this.taken = taken
  }
}

/** Names what went wrong when `address` was bound. */
export function addressRefused(address: string, cause: unknown): AddressRefused {
  const text = cause instanceof Error ? cause.message : String(cause)
  if (text.includes('EADDRINUSE')) {
    return new AddressRefused(
      `${address} is taken: stop the process that listens there, or choose another address.`,
      true,
      { cause },
    )
  }
  return new AddressRefused(`${address} cannot be bound: ${text}`, false, { cause })
}
