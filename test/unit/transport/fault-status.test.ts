import { expect, it } from 'vitest'
import { RpcFault } from '../../../core/src/service/rpc-fault.ts'
import { toServiceError } from '../../../core/src/transport/fault-status.ts'

it('a sentence that no header field has room for is cut, and is text nevertheless', () => {
  const { details } = toServiceError(new RpcFault('FAILED_PRECONDITION', `${'x'.repeat(4095)}💥${'y'.repeat(100_000)}`))
  expect(details).toBe(`${'x'.repeat(4095)}\ufffd…`)
  expect(toServiceError(new RpcFault('FAILED_PRECONDITION', 'x'.repeat(4096))).details).toBe('x'.repeat(4096))
})
