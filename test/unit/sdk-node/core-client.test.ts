import { create } from '@bufbuild/protobuf'
import {
  EvaluateToolAccessRequestSchema,
  EvaluateToolAccessResponseSchema,
  GetServerInfoResponseSchema,
} from '@capiscio/proto/core/v1'
import { expect, test } from 'vitest'
import type { CoreClient } from '../../../sdk-node/src/client.ts'
import { clientOver } from '../../../sdk-node/src/core-client.ts'
import { createScriptedTransport, type ScriptedTransport } from '../../fakes/scripted-transport.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A client after its handshake, with one question under way. */
async function busyClient(maxMessageBytes?: number): Promise<{ client: CoreClient; transport: ScriptedTransport }> {
  const transport = createScriptedTransport()
  const client = clientOver({ connect: async () => transport, close: async () => {} }, 10_000)
  void ask(client, 'busy')
  await settled()
  const info = create(GetServerInfoResponseSchema, {
    coreVersion: '0.1.0',
    protoVersion: '1.0',
    ...(maxMessageBytes !== undefined && { limits: { maxMessageBytes } }),
  })
  transport.unaries[0]?.resolve(info as never)
  await settled()
  expect(transport.unaries.map(({ request }) => request.toolName)).toEqual([undefined, 'busy'])
  return { client, transport }
}

const ask = (client: CoreClient, toolName: string): Promise<unknown> =>
  client.evaluateToolAccess(create(EvaluateToolAccessRequestSchema, { toolName }))

test.each([
  ['that says its limit', 16 * 1024, 1],
  ['that does not', undefined, 2],
  ['that has none', 0, 2],
])('a core %s gets no larger questions on a stream', async (_what, maxMessageBytes, onStream) => {
  const { client, transport } = await busyClient(maxMessageBytes)
  void ask(client, 'small')
  void ask(client, 'x'.repeat(8_000))
  await settled()
  await settled()
  expect(transport.streams.flatMap((stream) => stream.items())).toHaveLength(onStream)
  expect(transport.unaries).toHaveLength(4 - onStream)
})

test('disposing waits for what is under way, then ends the stream at once', async () => {
  const { client, transport } = await busyClient()
  const asked = ask(client, 'a')
  await settled()
  await settled()
  const [stream] = transport.streams
  const disposed = client[Symbol.asyncDispose]()
  await settled()
  expect(stream?.state.isFinished).toBe(false)
  stream?.answer({ id: 1n, evidenceId: 'e1' })
  transport.unaries[1]?.resolve(create(EvaluateToolAccessResponseSchema))
  expect(await asked).toMatchObject({ decision: { evidenceId: 'e1' } })
  await disposed
  expect(stream?.state).toEqual({ isFinished: true, isCancelled: false })
})
