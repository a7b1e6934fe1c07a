import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { readEvidenceLogs } from '@capiscio/core'
import { CoreService, DenyReason, Outcome } from '@capiscio/proto/core/v1'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreProcess, devCredential, startDevCore } from '../tools/core-process.ts'
import { createRawClient } from '../tools/raw-client.ts'
import { openStream } from '../tools/stream-client.ts'

let core: CoreProcess

beforeAll(async () => {
  core = await startDevCore(await mkdtemp(join(tmpdir(), 'capiscio-stream-')))
})

afterAll(async () => {
  expect(await core.stop()).toBe(0)
  await rm(core.folder, { recursive: true, force: true })
})

const item = (requestId: bigint, toolName: string) => ({ requestId, request: { toolName } })

describe('a stream of questions', () => {
  it('answers each exactly once, also when it is closed before', async () => {
    const stream = openStream(core.address)
    const ids = Array.from({ length: 3000 }, (_, index) => BigInt(index))
    for (let at = 0; at < ids.length; at += 64) {
      stream.send({ items: ids.slice(at, at + 64).map((id) => item(id, `list_${id}`)) })
    }
    stream.call.end()
    expect(await stream.ended).toMatchObject({ code: status.OK })
    expect(stream.results.map(({ requestId }) => requestId).sort((a, b) => Number(a - b))).toEqual(ids)
    for (const { requestId, result } of stream.results) {
      if (result.case !== 'decision') throw new Error(`Question ${requestId} was answered with ${result.case}`)
      expect(result.value.outcome).toBe(Outcome.ALLOW)
      expect(JSON.parse(Buffer.from(result.value.leaf).toString())['capiscio.target']).toBe(`list_${requestId}`)
    }
    const logged = new Set<string>()
    for await (const { leaf } of readEvidenceLogs({ root: join(core.folder, 'evidence') })) {
      logged.add((JSON.parse(Buffer.from(leaf).toString()) as { id: string }).id)
    }
    const missing = stream.results.filter(
      ({ result }) => result.case !== 'decision' || !logged.has(result.value.evidenceId),
    )
    expect(missing).toEqual([])
    stream.close()
  })

  it('decides each question on its own', async () => {
    const stream = openStream(core.address)
    const badge = { case: 'badgeJws' as const, value: await devCredential(core.folder, 'badges', 'level-2.jwt') }
    stream.send({
      items: [
        { requestId: 1n, request: { toolName: 'read_rows', credential: badge } },
        { requestId: 2n, request: { toolName: 'read_rows' } },
        { requestId: 3n, request: { toolName: '' } },
        { requestId: 4n },
        { requestId: 5n, request: { toolName: 'list' } },
      ],
    })
    const byId = new Map((await stream.until(5)).map(({ requestId, result }) => [Number(requestId), result]))
    expect(byId.get(1)).toMatchObject({ case: 'decision', value: { outcome: Outcome.ALLOW, trustLevel: 2 } })
    expect(byId.get(2)).toMatchObject({ case: 'decision', value: { reason: DenyReason.BADGE_MISSING } })
    expect(byId.get(3)).toMatchObject({
      case: 'error',
      value: { code: status.INVALID_ARGUMENT, message: expect.stringContaining('tool_name') },
    })
    expect(byId.get(4)).toMatchObject({ case: 'error', value: { code: status.INVALID_ARGUMENT } })
    expect(byId.get(5)).toMatchObject({ case: 'decision', value: { outcome: Outcome.ALLOW } })
    stream.close()
  })

  it('refuses an id that is still unanswered, and takes it again afterwards', async () => {
    const stream = openStream(core.address)
    stream.send({ items: [item(7n, 'list_a'), item(7n, 'list_b')] })
    const first = await stream.until(2)
    expect(first.map(({ result }) => result.case).sort()).toEqual(['decision', 'error'])
    stream.send({ items: [item(7n, 'list_c')] })
    expect((await stream.until(3))[2]?.result.case).toBe('decision')
    stream.close()
  })

  it('gives up on a cancelled question, with an answer, and goes on', async () => {
    const stream = openStream(core.address)
    // Cancellations of a message come before its questions; unknown ones are nobody's.
    stream.send({ items: [item(1n, 'list_a')], cancel: [1n, 99n] })
    stream.send({ cancel: [1n, 1n, 2n] })
    stream.send({ items: [item(3n, 'list_c')] })
    const results = await stream.until(2)
    expect(results.map(({ requestId }) => requestId).sort()).toEqual([1n, 3n])
    const [first] = results.filter(({ requestId }) => requestId === 1n)
    expect(
      first?.result.case === 'decision' ||
        (first?.result.case === 'error' && first.result.value.code === status.CANCELLED),
    ).toBe(true)
    stream.close()
  })

  it('answers a question whose time is over with DEADLINE_EXCEEDED, without deciding it', async () => {
    using client = createRawClient(core.address)
    const sizeOf = async () => (await client.call(CoreService.method.getServerInfo, {})).evidenceLog?.size
    const before = await sizeOf()
    const stream = openStream(core.address)
    stream.send({
      items: [
        { requestId: 1n, request: { toolName: 'list' }, timeout: { seconds: 0n, nanos: 0 } },
        { requestId: 2n, request: { toolName: 'list' }, timeout: { seconds: -5n, nanos: 0 } },
      ],
    })
    for (const { result } of await stream.until(2)) {
      expect(result).toMatchObject({ case: 'error', value: { code: status.DEADLINE_EXCEEDED } })
    }
    expect(await sizeOf()).toBe(before)
    stream.send({
      items: [{ requestId: 3n, request: { toolName: 'list' }, timeout: { seconds: 1n << 60n, nanos: 0 } }],
    })
    expect((await stream.until(3))[2]?.result.case).toBe('decision')
    stream.close()
  })

  it('ends with INVALID_ARGUMENT when a message cannot be read at all', async () => {
    const stream = openStream(core.address)
    stream.call.write(Buffer.from([0xff, 0xff, 0xff]))
    expect(await stream.ended).toMatchObject({ code: status.INVALID_ARGUMENT })
    stream.close()
  })
})

describe('a client that never reads its answers', () => {
  it('is not read from, and costs bounded memory', async () => {
    const rss = async (): Promise<number> =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${core.child.pid}/status`, 'utf8'))?.[1]) / 1024
    using client = createRawClient(core.address)
    const sizeOf = async () => Number((await client.call(CoreService.method.getServerInfo, {})).evidenceLog?.size)
    const before = { size: await sizeOf(), rss: await rss() }

    // gRPC libraries read ahead on their own, so this client is bare HTTP/2.
    const session = connect(`http://${core.address}`)
    const stream = session.request({
      ':method': 'POST',
      ':path': '/capiscio.core.v1.CoreService/EvaluateToolAccessStream',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    // The server may end a stream whose client is in its way; that bounds memory too.
    stream.on('error', () => {})
    stream.pause()
    for (let batch = 0; batch < 2000; batch += 1) stream.write(frame(batch))
    // Other callers are answered all the while; when nothing moves any more, the stream stands still.
    let size = before.size
    for (let still = 0; still < 5; ) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      const now = await sizeOf()
      still = now === size ? still + 1 : 0
      size = now
    }
    expect(size - before.size).toBeGreaterThan(0)
    expect(size - before.size).toBeLessThan(128_000)
    // What 128 000 answers would take, had they been kept, is several times this.
    expect((await rss()) - before.rss).toBeLessThan(150)
    session.destroy()
    expect(await sizeOf()).toBeGreaterThanOrEqual(size)
  })
})

/** One message of 64 questions in gRPC framing. */
function frame(batch: number): Buffer {
  const items = Array.from({ length: 64 }, (_, index) => item(BigInt(batch * 64 + index), 'x'.repeat(1000)))
  const { input } = CoreService.method.evaluateToolAccessStream
  const message = toBinary(input, create(input, { items }))
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

describe('a stream that is reset', () => {
  it.each([
    ['at once', async () => {}],
    ['after a question', async (stream: ReturnType<typeof openStream>) => stream.send({ items: [item(1n, 'list')] })],
    [
      'in the middle of many',
      async (stream: ReturnType<typeof openStream>) => {
        for (let id = 0; id < 500; id += 1) stream.send({ items: [item(BigInt(id), 'list')] })
        await stream.until(1)
      },
    ],
  ])('%s disturbs nobody', async (_when, before) => {
    const stream = openStream(core.address)
    await before(stream)
    stream.close()
    using client = createRawClient(core.address)
    const { decision } = await client.call(CoreService.method.evaluateToolAccess, { toolName: 'list' })
    expect(decision?.outcome).toBe(Outcome.ALLOW)
  })
})
