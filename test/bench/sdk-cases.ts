import { parseCoreAddress } from '../../sdk-node/src/core-address.ts'
import { clientOver } from '../../sdk-node/src/core-client.ts'
import type { CoreClient } from '../../sdk-node/src/index.ts'
import { createCoreClient, evaluateToolAccess, MethodUnimplementedError } from '../../sdk-node/src/index.ts'
import type { CoreTransport } from '../../sdk-node/src/transport.ts'
import { createTransport } from '../../sdk-node/src/transport.ts'
import type { BenchCase } from './bench-case.ts'
import { measureSlice } from './measure-slice.ts'
import type { CpuClock } from './process-usage.ts'

/** Callers that share one client, as the tools of one MCP server do. */
const CALLERS = 32

export interface SdkCasesOptions {
  readonly core: { readonly pid: number; readonly tcp: string }
  /** Good for the tool that is asked about. */
  readonly badges: readonly string[]
  readonly clock: CpuClock
  /** Name of the control case to compare with. */
  readonly control: string
}

/** The whole way of a decision through the SDK: each in a call of its own, and together as the SDK sends them. */
export function createSdkCases({ core, badges, clock, control }: SdkCasesOptions): (BenchCase & AsyncDisposable)[] {
  const together = createCoreClient({ address: core.tcp })
  return [
    sdkCase('sdk together tcp hit', together),
    sdkCase('sdk one by one tcp hit', clientThatAsksOneByOne(core.tcp)),
  ]

  function sdkCase(name: string, client: CoreClient): BenchCase & AsyncDisposable {
    let turn = 0
    async function ask(): Promise<void> {
      turn = (turn + 1) % badges.length
      const badge = badges[turn] as string
      const access = await evaluateToolAccess(
        'read_database',
        { query: 'select 1' },
        { credential: { badge }, config: { minTrustLevel: 2 }, client },
      )
      if (access.outcome !== 'ALLOW') throw new Error(`Expected an ALLOW, not ${access.code}: ${access.message}`)
    }
    return {
      name,
      inFlight: CALLERS,
      control,
      measure: (forMs) => measureSlice({ pid: core.pid, clock }, ask, { inFlight: CALLERS, forMs }),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    }
  }
}

/** The same client on a connection without the stream, as with an older core. */
function clientThatAsksOneByOne(address: string): CoreClient {
  const transport: CoreTransport = {
    ...createTransport(parseCoreAddress(address)),
    openStream(_method, { onEnd }) {
      queueMicrotask(() => onEnd(() => new MethodUnimplementedError('There is no stream here.')))
      return { send: () => {}, finish: () => {}, cancel: () => {} }
    },
  }
  return clientOver({ connect: async () => transport, close: async () => transport.close() }, 10_000)
}
