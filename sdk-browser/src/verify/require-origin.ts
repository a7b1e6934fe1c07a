import type { VerifyServerRequest } from '@capiscio/proto/core/v1'

/**
 * A page has no child processes: an origin that is missing is a mistake, and would be compared with nothing.
 *
 * @throws TypeError unless there is one, or it is not to be compared.
 */
export function requireOrigin({ transportOrigin, config }: VerifyServerRequest): void {
  if (transportOrigin !== '' || config?.skipOriginBinding === true) return
  throw new TypeError(
    'transportOrigin is required: the URL origin that was contacted. For a trusted gateway set skipOriginBinding.',
  )
}
