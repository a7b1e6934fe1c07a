import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { SourceUnavailable } from '../../../../core/src/ports/source-unavailable.ts'
import { startHttp, startHttps, startTcp } from '../../../fakes/https-server.ts'
import { createTestOutbound, PUBLIC_ADDRESS } from '../../../fakes/test-outbound.ts'

const REQUEST = { hostFrom: 'operator', maxBytes: 1024 * 1024, timeoutMs: 5_000 } as const

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

describe('a request', () => {
  it('of a public host goes to the checked address, with the name in Host and in SNI', async () => {
    const names: unknown[] = []
    const server = await startHttps((_request, response) => response.end('{"a":1}'), {
      SNICallback(name, done) {
        names.push(name)
        done(null)
      },
    })
    const outbound = createTestOutbound({ publicPort: server.port })
    outbound.names.set('agents.example.com.', [PUBLIC_ADDRESS])
    const url = 'https://agents.example.com/a/did.json?x=1'
    const response = await outbound.http.send({ ...REQUEST, url, hostFrom: 'input' })
    expect(response.status).toBe(200)
    expect(text(response.body)).toBe('{"a":1}')
    expect(outbound.dialed).toEqual([PUBLIC_ADDRESS])
    expect(names).toEqual(['agents.example.com'])
    expect(server.requests[0]?.socket).toMatchObject({ alpnProtocol: 'http/1.1' })
    expect(server.requests[0]).toMatchObject({
      method: 'GET',
      url: '/a/did.json?x=1',
      headers: { host: 'agents.example.com', 'accept-encoding': 'gzip', connection: 'close' },
    })
  })

  it('carries method, headers and body, and frames them itself', async () => {
    const bodies: string[] = []
    const server = await startHttp(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += String(chunk)
      bodies.push(body)
      response.writeHead(201, { 'X-One': 'a', 'Set-Cookie': ['b=1', 'c=2'] }).end()
    })
    const { http } = createTestOutbound()
    const response = await http.send({
      ...REQUEST,
      url: `http://127.0.0.1:${server.port}/v1/agents`,
      method: 'POST',
      headers: { Authorization: 'Bearer x', Host: 'evil.example.com', 'Content-Length': '1', 'Accept-Encoding': 'br' },
      body: '{"name":"ü"}',
    })
    expect(bodies).toEqual(['{"name":"ü"}'])
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      headers: {
        authorization: 'Bearer x',
        host: `127.0.0.1:${server.port}`,
        'content-length': '13',
        'accept-encoding': 'gzip',
      },
    })
    expect(response).toMatchObject({ status: 201, body: new Uint8Array() })
    expect(response.headers.get('x-one')).toBe('a')
    expect(response.headers.get('set-cookie')).toBe('b=1, c=2')
  })

  it('has a connection of its own', async () => {
    const server = await startHttp((_request, response) => response.end())
    const outbound = createTestOutbound()
    const url = `http://127.0.0.1:${server.port}/`
    expect([await outbound.ask({ url }), await outbound.ask({ url })]).toEqual([200, 200])
    expect(server.connections).toBe(2)
  })

  it.each([
    [200, 'success'],
    [304, 'success'],
    [404, 'client_error'],
    [429, 'client_error'],
    [500, 'server_error'],
    [503, 'server_error'],
  ])('that is answered with %i is answered, and counted as %s', async (status, outcome) => {
    const server = await startHttp((_request, response) => response.writeHead(status).end())
    const outbound = createTestOutbound()
    expect(await outbound.ask({ url: `http://127.0.0.1:${server.port}/` })).toBe(status)
    expect(outbound.outcomes).toEqual([outcome])
  })

  it.each([300, 301, 302, 303, 307, 308])('that is redirected with %i goes nowhere else', async (status) => {
    const elsewhere = await startTcp((socket) => socket.destroy())
    const location = `http://127.0.0.1:${elsewhere.port}/`
    const server = await startHttp((_request, response) => response.writeHead(status, { location }).end())
    const outbound = createTestOutbound()
    expect(await outbound.ask({ url: `http://127.0.0.1:${server.port}/` })).toBe('redirect')
    expect(outbound.outcomes).toEqual(['redirect'])
    expect(elsewhere.connections).toBe(0)
  })

  it('fails with an error that names neither query nor header', async () => {
    const server = await startTcp((socket) => socket.destroy())
    const { http } = createTestOutbound()
    const failure = await http
      .send({
        ...REQUEST,
        url: `http://127.0.0.1:${server.port}/p?token=QUERYSECRET`,
        headers: { authorization: 'Bearer HEADERSECRET' },
      })
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(SourceUnavailable)
    expect(failure).toMatchObject({ message: expect.stringContaining(`http://127.0.0.1:${server.port} gave no`) })
    expect(String(failure) + JSON.stringify(failure)).not.toMatch(/SECRET/)
  })
})

describe('an answer that is not taken', () => {
  it.each([
    ['redirect', 'HTTP/1.1 302 Found\r\nLocation: /\r\n\r\nfor ever'],
    ['encoding', 'HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nfor ever'],
    ['too_large', `HTTP/1.1 200 OK\r\n\r\n${'for ever'.repeat(200)}`],
  ])('because of %s is not read to its end: the connection is closed', async (outcome, raw) => {
    const closed: Promise<unknown>[] = []
    const { port } = await startTcp((socket) => {
      closed.push(new Promise((resolve) => socket.once('close', resolve)))
      socket.once('data', () => socket.write(raw))
    })
    const outbound = createTestOutbound()
    expect(await outbound.ask({ url: `http://127.0.0.1:${port}/`, maxBytes: 1024 })).toBe(outcome)
    expect(closed).toHaveLength(1)
    await closed[0]
  })
})

describe('a body', () => {
  const serve = (chunks: readonly Uint8Array[], headers: Record<string, string> = {}) =>
    startHttp((_request, response) => {
      response.writeHead(200, headers)
      for (const chunk of chunks) response.write(chunk)
      response.end()
    })
  const get = async (port: number, maxBytes: number) => {
    const { http } = createTestOutbound()
    const response = await http.send({ ...REQUEST, url: `http://127.0.0.1:${port}/`, maxBytes })
    return response.body
  }
  const zeros = (length: number): Uint8Array => new Uint8Array(length)

  it('may be as large as the limit and no larger', async () => {
    const { port } = await serve([zeros(600), zeros(424)])
    expect(await get(port, 1024)).toHaveLength(1024)
    await expect(get(port, 1023)).rejects.toMatchObject({ outcome: 'too_large' })
  })

  it('is inflated, and as large as the limit afterwards', async () => {
    const { port } = await serve([gzipSync(zeros(1024))], { 'content-encoding': 'gzip' })
    expect(await get(port, 1024)).toEqual(zeros(1024))
    await expect(get(port, 1023)).rejects.toMatchObject({ outcome: 'too_large' })
  })

  it('that gzip cannot make smaller still fits', async () => {
    const noise = crypto.getRandomValues(zeros(1024))
    const { port } = await serve([gzipSync(noise)], { 'content-encoding': 'GZIP' })
    expect(await get(port, 1024)).toEqual(noise)
  })

  it('is bounded in its compressed form too: empty gzip members inflate to nothing for ever', async () => {
    const { port } = await serve(Array(200).fill(gzipSync('')), { 'content-encoding': 'gzip' })
    await expect(get(port, 1024)).rejects.toMatchObject({ outcome: 'too_large' })
    expect(await get(port, 4000)).toEqual(zeros(0))
  })

  it.each(['br', 'deflate', 'gzip, gzip', 'zstd', 'x-unknown'])('in encoding %s is not taken', async (encoding) => {
    const { port } = await serve([zeros(10)], { 'content-encoding': encoding })
    await expect(get(port, 1024)).rejects.toMatchObject({ outcome: 'encoding' })
  })

  it.each([
    ['that is no gzip', Buffer.from('{"keys":[]}')],
    ['that is half a gzip', gzipSync(zeros(1000)).subarray(0, 20)],
  ])('%s is broken', async (_what, bytes) => {
    const { port } = await serve([bytes], { 'content-encoding': 'gzip' })
    await expect(get(port, 1024)).rejects.toMatchObject({ outcome: 'broken' })
  })

  it.each([
    ['shorter than announced', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"keys"'],
    ['cut off between chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"k\r\n'],
    ['of two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}\n'],
    ['without a status line', '{"keys":[]}\r\n\r\n'],
    ['behind 17 KiB of headers', `HTTP/1.1 200 OK\r\nX-Long: ${'a'.repeat(17 * 1024)}\r\nContent-Length: 2\r\n\r\n{}`],
    ['after an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n{}'],
  ])('%s is broken', async (_what, raw) => {
    const { port } = await startTcp((socket) => socket.once('data', () => socket.end(raw)))
    await expect(get(port, 1024)).rejects.toMatchObject({ outcome: 'broken' })
  })

  it('behind 15 KiB of headers is taken', async () => {
    const raw = `HTTP/1.1 200 OK\r\nX-Long: ${'a'.repeat(15 * 1024)}\r\nContent-Length: 2\r\n\r\n{}`
    const { port } = await startTcp((socket) => socket.once('data', () => socket.end(raw)))
    expect(text(await get(port, 1024))).toBe('{}')
  })
})

describe('an attack on memory', () => {
  const MIB = 1024 * 1024
  const get = (outbound: ReturnType<typeof createTestOutbound>, port: number) =>
    outbound.ask({ url: `http://127.0.0.1:${port}/` })

  it.each([
    ['a body of 10 MB', {}, Array<Uint8Array>(10).fill(new Uint8Array(MIB))],
    ['an announced body of 10 MB', { 'content-length': String(10 * MIB) }, [new Uint8Array(MIB), new Uint8Array(1)]],
    ['a gzip bomb of 1 GB', { 'content-encoding': 'gzip' }, [BOMB]],
  ])('by %s is cut off at 1 MiB', async (_what, headers, chunks) => {
    const server = await startHttp((_request, response) => {
      response.writeHead(200, headers)
      for (const chunk of chunks) response.write(chunk)
    })
    const outbound = createTestOutbound()
    const before = process.memoryUsage.rss()
    expect(await get(outbound, server.port)).toBe('too_large')
    expect(process.memoryUsage.rss() - before).toBeLessThan(20 * MIB)
  })

  it('by a body without end is cut off at 1 MiB', async () => {
    const chunk = new Uint8Array(64 * 1024)
    const server = await startHttp((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) {}
      }
      response.on('drain', more)
      more()
    })
    const outbound = createTestOutbound()
    const before = process.memoryUsage.rss()
    expect(await get(outbound, server.port)).toBe('too_large')
    expect(process.memoryUsage.rss() - before).toBeLessThan(20 * MIB)
  })
})

/** A gigabyte of zeros in about a megabyte: gzip members may follow one another, so one is repeated. */
const BOMB = Buffer.concat(Array<Buffer>(64).fill(gzipSync(new Uint8Array(16 * 1024 * 1024))))
