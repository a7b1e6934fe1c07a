import { create, toBinary } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import { CoreService, EvaluateToolAccessRequestSchema } from '@capiscio/proto/core/v1'
import { BadRequestSchema, StatusSchema } from '@capiscio/proto/google/rpc'
import { CoreAccessError, CoreConnectionError, InvalidRequestError } from '@capiscio/proto/sdk'
import { status } from '@grpc/grpc-js'
import { describe, expect, test, vi } from 'vitest'
import { parseCoreAddress } from '../../../sdk-node/src/core-address.ts'
import { readSecurityOptions } from '../../../sdk-node/src/core-security.ts'
import type { FailureFor } from '../../../sdk-node/src/transport.ts'
import { createTransport } from '../../../sdk-node/src/transport.ts'
import { allow, startScriptedCore } from '../../fakes/scripted-core.ts'

const NOBODY = { timeoutMs: 1_000, secrets: [] }

function endOfStream(transport: ReturnType<typeof createTransport>): Promise<FailureFor | undefined> {
  return new Promise((onEnd) => {
    transport.openStream(CoreService.method.evaluateToolAccessStream, { onMessage: () => {}, onEnd })
  })
}

describe('a connection that was closed', () => {
  test('fails calls and streams with an error of its own', async () => {
    await using core = await startScriptedCore(allow)
    const transport = createTransport(parseCoreAddress(core.address))
    transport.close()
    const request = create(EvaluateToolAccessRequestSchema, { toolName: 'read' })
    const call = transport.unary(CoreService.method.evaluateToolAccess, request, { timeoutMs: 1_000 })
    await expect(call).rejects.toThrow(CoreConnectionError)
    await expect(call).rejects.toThrow('was closed')
    const failure = await endOfStream(transport)
    expect(failure?.(NOBODY)).toBeInstanceOf(CoreConnectionError)
    expect(failure?.(NOBODY).message).toContain('was closed')
    expect(core.requests).toEqual([])
  })
})

describe('a stream', () => {
  test('that the core ends in order ends once, after its last message, without a failure', async () => {
    await using core = await startScriptedCore(allow)
    const transport = createTransport(parseCoreAddress(core.address))
    const seen: unknown[] = []
    const { evaluateToolAccessStream } = CoreService.method
    const stream = transport.openStream(evaluateToolAccessStream, {
      onMessage: ({ results }) => seen.push(...results.map(({ requestId }) => requestId)),
      onEnd: (failure) => seen.push(failure),
    })
    const items = [1n, 2n, 3n].map((requestId) => ({ requestId, request: { toolName: 'read' } }))
    const message = create(evaluateToolAccessStream.input, { items })
    await new Promise<void>((onTaken) => stream.send(toBinary(evaluateToolAccessStream.input, message), onTaken))
    stream.finish()
    await vi.waitFor(() => expect(seen).toHaveLength(4))
    await new Promise((resolve) => setImmediate(resolve))
    expect(seen).toEqual([1n, 2n, 3n, undefined])
    transport.close()
  })

  test('to nobody fails with the same error as a call', async () => {
    const transport = createTransport(parseCoreAddress('127.0.0.1:1'))
    expect((await endOfStream(transport))?.(NOBODY)).toMatchObject({ code: 'CORE_UNREACHABLE' })
    transport.close()
  })
})

describe('the error for a status in a message', () => {
  test('does without details that cannot be read', () => {
    const transport = createTransport(parseCoreAddress('127.0.0.1:1'))
    const typeUrls = ['google.rpc.BadRequest', 'google.rpc.RetryInfo', 'nothing.we.Know']
    const told = create(StatusSchema, {
      code: status.INVALID_ARGUMENT,
      message: 'bad',
      details: [
        ...typeUrls.map((name) => ({ typeUrl: `type.googleapis.com/${name}`, value: Uint8Array.of(0xff, 0xff) })),
        anyPack(
          BadRequestSchema,
          create(BadRequestSchema, { fieldViolations: [{ field: 'tool_name', description: 'is wrong' }] }),
        ),
      ],
    })
    const error = transport.failure('EvaluateToolAccess', told)(NOBODY)
    expect(error).toBeInstanceOf(InvalidRequestError)
    expect(error).toHaveProperty('fieldViolations', [{ field: 'tool_name', description: 'is wrong' }])
    transport.close()
  })

  test('repeats neither the token of the connection nor the secrets of who waits', () => {
    const token = 'canary-token-abcdefghijklmnopqrstuvwxyz-1'
    const transport = createTransport(
      parseCoreAddress('https://core.example.com'),
      readSecurityOptions(undefined, token),
    )
    const told = create(StatusSchema, { code: status.PERMISSION_DENIED, message: `neither ${token} nor key-of-alice` })
    const error = transport.failure('EvaluateToolAccess', told)({ timeoutMs: 1, secrets: ['key-of-alice'] })
    expect(error).toBeInstanceOf(CoreAccessError)
    expect(error.message).toContain('call EvaluateToolAccess: neither [redacted] nor [redacted]')
    transport.close()
  })
})
