import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { ClientHttp2Stream } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { CoreService, Outcome } from '@capiscio/proto/core/v1'
import { type ServiceError, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CoreProcess, startDevCore } from '../tools/core-process.ts'
import { type BareGrpc, bareGrpc, grpcPrefix } from '../tools/http2-grpc.ts'
import { createRawClient } from '../tools/raw-client.ts'

const EVALUATE = '/capiscio.core.v1.CoreService/EvaluateToolAccess'
const STREAM = '/capiscio.core.v1.CoreService/EvaluateToolAccessStream'
const { input, output } = CoreService.method.evaluateToolAccess

let core: CoreProcess
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-hostile-'))
  // Whatever reaches the guard from here is anonymous: under this policy nothing may be allowed.
  const policy = join(folder, 'strict.yaml')
  await writeFile(policy, 'version: 1\ndefault: { minTrustLevel: 1 }\n')
  core = await startDevCore(folder, ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--policy', policy])
})

afterAll(async () => {
  expect(await core.stop()).toBe(0)
  await rm(folder, { recursive: true, force: true })
})

async function rssMegabytes(): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${core.child.pid}/status`, 'utf8'))?.[1]) / 1024
}

/** An ordinary caller: whatever else goes on, it is answered. */
async function expectServed(): Promise<void> {
  using client = createRawClient(core.address)
  const { decision } = await client.call(CoreService.method.evaluateToolAccess, { toolName: 'read' })
  expect(decision?.outcome).toBe(Outcome.DENY)
}

async function withBare<T>(use: (bare: BareGrpc) => Promise<T>): Promise<T> {
  const bare = bareGrpc(core.address)
  try {
    return await use(bare)
  } finally {
    bare.close()
  }
}

const valid = toBinary(
  input,
  create(input, {
    toolName: 'read_file',
    credential: { case: 'badgeJws', value: 'a.b.c' },
    config: { minTrustLevel: 2, allowedTools: ['read_*'], trustedIssuers: ['https://a.example'] },
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  }),
)

/** Anything, and a valid message with some of its bytes changed, cut off or doubled. */
const hostileMessage = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(fc.nat(valid.length), fc.nat(valid.length), fc.uint8Array({ maxLength: 20 }))
    .map(([from, to, inserted]) => Buffer.concat([valid.subarray(0, from), inserted, valid.subarray(to)])),
)

describe('100 000 messages of random bytes', () => {
  it('are each answered with a decision or a clear status, and none is allowed', { timeout: 240_000 }, async () => {
    using client = createRawClient(core.address)
    const seen = new Map<string, number>()
    const flood = fc.asyncProperty(fc.array(hostileMessage, { minLength: 500, maxLength: 500 }), async (messages) => {
      const answers = await Promise.all(
        messages.map((bytes) =>
          client.callBytes(EVALUATE, bytes).then(
            (answer) => `decision ${fromBinary(output, answer).decision?.outcome}`,
            ({ code, details }: ServiceError) => `status ${code} ${details.length > 20 ? '' : details}`.trim(),
          ),
        ),
      )
      for (const answer of answers) seen.set(answer, (seen.get(answer) ?? 0) + 1)
    })
    await fc.assert(flood, { numRuns: 50, endOnFailure: true })
    // The heap has found its size by now; what it still grows by would be kept.
    const before = await rssMegabytes()
    await fc.assert(flood, { numRuns: 150, endOnFailure: true })
    expect([...seen.keys()].sort()).toEqual([`decision ${Outcome.DENY}`, `status ${status.INVALID_ARGUMENT}`])
    expect([...seen.values()].reduce((sum, count) => sum + count)).toBe(100_000)
    expect((await rssMegabytes()) - before).toBeLessThan(150)
    await expectServed()
  })
})

describe('frames that are not what they say', () => {
  const message = Buffer.from(valid)

  it.each<[string, Buffer, readonly (number | 'reset')[]]>([
    ['no frame at all', Buffer.alloc(0), [status.UNIMPLEMENTED, status.INTERNAL]],
    ['half a prefix', Buffer.from([0, 0]), [status.INTERNAL, status.UNIMPLEMENTED]],
    [
      'a length longer than the message',
      Buffer.concat([grpcPrefix(message.length + 10), message]),
      [status.INTERNAL, status.UNIMPLEMENTED],
    ],
    ['a length of 4 GB', Buffer.concat([grpcPrefix(0xffffffff), message]), [status.RESOURCE_EXHAUSTED]],
    [
      'a length just over the limit',
      Buffer.concat([grpcPrefix(4 * 1024 * 1024 + 1), message]),
      [status.RESOURCE_EXHAUSTED],
    ],
    [
      'two messages in a call for one',
      Buffer.concat([grpcPrefix(message.length), message, grpcPrefix(message.length), message]),
      [status.UNIMPLEMENTED, status.INTERNAL],
    ],
    [
      'an unannounced compression',
      Buffer.concat([grpcPrefix(message.length, true), message]),
      [status.OK, status.INTERNAL],
    ],
  ])('%s: a status, and nobody else is disturbed', async (_what, bytes, allowed) => {
    const answer = await withBare((bare) => bare.send(EVALUATE, bytes))
    expect(allowed).toContain(answer)
    await expectServed()
  })

  it('an unknown compression is UNIMPLEMENTED', async () => {
    const bytes = Buffer.concat([grpcPrefix(message.length, true), message])
    expect(await withBare((bare) => bare.send(EVALUATE, bytes, { 'grpc-encoding': 'snappy' }))).toBe(
      status.UNIMPLEMENTED,
    )
  })

  it('a message that inflates to a gigabyte is cut off', async () => {
    const before = await rssMegabytes()
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024))
    const bytes = Buffer.concat([grpcPrefix(bomb.length, true), bomb])
    const answer = await withBare((bare) => bare.send(EVALUATE, bytes, { 'grpc-encoding': 'gzip' }))
    expect(answer).toBe(status.RESOURCE_EXHAUSTED)
    expect((await rssMegabytes()) - before).toBeLessThan(60)
    await expectServed()
  })

  it('a message of 100 MB is refused before it is kept', async () => {
    const before = await rssMegabytes()
    const bytes = Buffer.concat([grpcPrefix(100 * 1024 * 1024), Buffer.alloc(100 * 1024 * 1024)])
    expect([status.RESOURCE_EXHAUSTED, 'reset']).toContain(await withBare((bare) => bare.send(EVALUATE, bytes)))
    expect((await rssMegabytes()) - before).toBeLessThan(60)
    await expectServed()
  })

  it.each([
    ['questions in a message of a stream', STREAM, [0x0a, 2, 0x12, 0]],
    ['tools in a listing', '/capiscio.core.v1.CoreService/FilterTools', [0x0a, 0]],
    ['fields that nobody knows', EVALUATE, [0xf8, 0x7f, 0]],
  ])('4 MB of tiny %s, from many at once, are refused before they are read', async (_what, path, piece) => {
    const before = await rssMegabytes()
    const body = Buffer.alloc(4 * 1024 * 1024 - ((4 * 1024 * 1024) % piece.length), Uint8Array.from(piece))
    const bytes = Buffer.concat([grpcPrefix(body.length), body])
    const answers = Array.from({ length: 20 }, () => withBare((bare) => bare.send(path, bytes)))
    expect(new Set(await Promise.all(answers))).toEqual(new Set([status.RESOURCE_EXHAUSTED]))
    expect((await rssMegabytes()) - before).toBeLessThan(400)
    await expectServed()
  })

  it('fields that nobody knows are left alone', async () => {
    const unknown = Buffer.concat([message, Buffer.from([0xfa, 0x7f, 0x03, 0x61, 0x62, 0x63])])
    const bytes = Buffer.concat([grpcPrefix(unknown.length), unknown])
    expect(await withBare((bare) => bare.send(EVALUATE, bytes))).toBe(status.OK)
  })
})

describe('10 000 idle streams', () => {
  it('are carried, leave others served, and cost bounded memory', { timeout: 120_000 }, async () => {
    const before = await rssMegabytes()
    const bares = Array.from({ length: 10 }, () => bareGrpc(core.address))
    const streams: ClientHttp2Stream[] = bares.flatMap((bare) => Array.from({ length: 1000 }, () => bare.open(STREAM)))
    await expectServed()
    await expectServed()
    expect(streams.filter((stream) => stream.closed)).toHaveLength(0)
    expect((await rssMegabytes()) - before).toBeLessThan(500)
    for (const bare of bares) bare.close()
    await expectServed()
  })

  it('on one connection are more than it may have: those over the limit are refused', async () => {
    await withBare(async (bare) => {
      await new Promise((resolve) => bare.session.once('remoteSettings', resolve))
      expect(bare.session.remoteSettings.maxConcurrentStreams).toBe(1024)
    })
  })
})

describe('more connections than there may be', () => {
  it('are closed at once, and those inside go on', async () => {
    const { hostname, port } = new URL(`http://${core.address}`)
    using inside = createRawClient(core.address)
    await inside.call(CoreService.method.getServerInfo, {})
    const sockets: Socket[] = []
    let closed = 0
    for (let count = 0; count < 1100; count += 1) {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      socket.on('close', () => {
        closed += 1
      })
      sockets.push(socket)
    }
    await expect.poll(() => closed, { timeout: 10_000 }).toBeGreaterThan(70)
    const { decision } = await inside.call(CoreService.method.evaluateToolAccess, { toolName: 'read' })
    expect(decision?.outcome).toBe(Outcome.DENY)
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => expectServed().then(() => 'served'), { timeout: 10_000 }).toBe('served')
  })
})

describe('a stream that is reset', () => {
  it.each([
    ['before anything', (_stream: ClientHttp2Stream) => {}],
    ['in the middle of a prefix', (stream: ClientHttp2Stream) => void stream.write(Buffer.from([0, 0]))],
    [
      'in the middle of a message',
      (stream: ClientHttp2Stream) => void stream.write(Buffer.concat([grpcPrefix(1000), Buffer.alloc(500)])),
    ],
    [
      'after the message',
      (stream: ClientHttp2Stream) => void stream.end(Buffer.concat([grpcPrefix(valid.length), valid])),
    ],
  ])('%s, a hundred times, disturbs nobody', async (_when, before) => {
    await withBare(async (bare) => {
      for (let count = 0; count < 100; count += 1) {
        const stream = bare.open(EVALUATE)
        before(stream)
        await new Promise((resolve) => setImmediate(resolve))
        stream.close(8)
      }
    })
    await expectServed()
  })
})
