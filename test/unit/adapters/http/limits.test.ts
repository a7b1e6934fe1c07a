import { describe, expect, it } from 'vitest'
import { parseOutboundTarget } from '../../../../core/src/adapters/http/outbound-target.ts'
import { createRequestSlots } from '../../../../core/src/adapters/http/request-slots.ts'
import { createAddressResolver } from '../../../../core/src/adapters/http/resolve-addresses.ts'
import { startHttp, startTcp } from '../../../fakes/https-server.ts'
import { createTestOutbound, PUBLIC_ADDRESS } from '../../../fakes/test-outbound.ts'

// Whoever does not answer costs a bounded time and a bounded number of sockets.

describe('time is up for', () => {
  const silent = (): Promise<{ readonly port: number }> => startTcp(() => {})

  it.each([
    ['a server that takes the connection and says nothing', () => startTcp(() => {})],
    [
      'a server that stops after the headers',
      () =>
        startTcp((socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{'))),
    ],
    [
      'a server that sends one byte at a time',
      () =>
        startTcp((socket) => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
          const timer = setInterval(() => socket.write('a'), 10)
          socket.once('close', () => clearInterval(timer))
        }),
    ],
    [
      'a server that sends one header at a time',
      () =>
        startTcp((socket) => {
          socket.write('HTTP/1.1 200 OK\r\n')
          const timer = setInterval(() => socket.write('a: b\r\n'), 10)
          socket.once('close', () => clearInterval(timer))
        }),
    ],
  ])('%s', async (_what, start) => {
    const { port } = await start()
    expect(await createTestOutbound().ask({ url: `http://127.0.0.1:${port}/`, timeoutMs: 150 })).toBe('timeout')
  })

  it('a server that does not finish the handshake, by the time for connections', async () => {
    const { port } = await silent()
    const outbound = createTestOutbound({ limits: { connectTimeoutMs: 100 } })
    expect(await outbound.ask({ url: `https://127.0.0.1:${port}/`, timeoutMs: 60_000 })).toBe('timeout')
  })

  it('a name whose lookup never ends, by the time for connections', async () => {
    const outbound = createTestOutbound({ limits: { connectTimeoutMs: 50 } })
    outbound.names.get = () => new Promise(() => {}) as never
    expect(await outbound.ask({ url: 'https://registry.example.com/', timeoutMs: 60_000 })).toBe('timeout')
  })

  it.each([
    ['in the middle of the exchange', 'http'],
    ['in the middle of the handshake', 'https'],
  ])('a connection %s, which is closed then', async (_when, scheme) => {
    const closed: Promise<unknown>[] = []
    const { port } = await startTcp((socket) => {
      closed.push(new Promise((resolve) => socket.resume().once('close', resolve)))
    })
    const outbound = createTestOutbound()
    expect(await outbound.ask({ url: `${scheme}://127.0.0.1:${port}/`, timeoutMs: 50 })).toBe('timeout')
    expect(closed).toHaveLength(1)
    await closed[0]
  })

  it('a name that is found too late, and nothing is connected to any more', async () => {
    const outbound = createTestOutbound({ limits: { connectTimeoutMs: 50 } })
    let find = (_addresses: readonly string[]): void => {}
    outbound.names.get = () => new Promise((resolve) => (find = resolve)) as never
    expect(await outbound.ask({ url: 'https://registry.example.com/' })).toBe('timeout')
    find(['127.0.0.1'])
    await new Promise((resolve) => setImmediate(resolve))
    expect(outbound.dialed).toEqual([])
  })
})

describe('a request is given up', () => {
  it('when its signal is aborted, at any point', async () => {
    const { port } = await startTcp(() => {})
    const outbound = createTestOutbound()
    const url = `http://127.0.0.1:${port}/`
    expect(await outbound.ask({ url, signal: AbortSignal.abort() })).toBe('aborted')
    expect(outbound.dialed).toEqual([])
    const controller = new AbortController()
    const asked = outbound.ask({ url, signal: controller.signal })
    controller.abort()
    expect(await asked).toBe('aborted')
  })

  it('when the client is closed, and later ones are refused', async () => {
    const { port } = await startTcp(() => {})
    const outbound = createTestOutbound()
    const url = `http://127.0.0.1:${port}/`
    const asked = [outbound.ask({ url }), outbound.ask({ url })]
    await outbound.http[Symbol.asyncDispose]()
    expect(await Promise.all(asked)).toEqual(['aborted', 'aborted'])
    expect(await outbound.ask({ url })).toBe('aborted')
  })

  it.each([
    ['while it connects', (_asked: Promise<unknown>) => Promise.resolve()],
    ['while it waits for the answer', (asked: Promise<unknown>) => asked],
  ])('%s, without harm to its origin: an impatient caller proves nothing', async (_when, moment) => {
    let arrived = (): void => {}
    const server = await startHttp((request, response) => {
      if (request.url === '/held') arrived()
      else response.end()
    })
    const outbound = createTestOutbound()
    const url = `http://127.0.0.1:${server.port}/`
    for (let i = 0; i < 5; i++) {
      const controller = new AbortController()
      const atServer = new Promise<void>((resolve) => {
        arrived = resolve
      })
      const asked = outbound.ask({ url: `${url}held`, signal: controller.signal })
      await moment(atServer)
      controller.abort()
      expect(await asked).toBe('aborted')
    }
    expect(await outbound.ask({ url })).toBe(200)
  })
})

describe('requests under way', () => {
  it('are bounded for each origin and in all, and those that would wait too many are refused at once', async () => {
    const held: { end(): void }[] = []
    const hold = () => startHttp((_request, response) => void held.push(response))
    const [one, two] = [await hold(), await hold()]
    const outbound = createTestOutbound({ limits: { slots: { perOrigin: 2, total: 3, waiting: 2 } } })
    const ask = (port: number) => outbound.ask({ url: `http://127.0.0.1:${port}/` })
    const asked = [ask(one.port), ask(one.port), ask(one.port), ask(two.port), ask(two.port)]
    // Two of the first origin and one of the second run; one of each waits.
    expect(await ask(one.port)).toBe('overloaded')
    while (held.length < 3) await new Promise((resolve) => setImmediate(resolve))
    expect([one.requests.length, two.requests.length]).toEqual([2, 1])
    let ended = 0
    const all = Promise.all(asked.map((end) => end.finally(() => ended++)))
    while (ended < asked.length) {
      for (const response of held.splice(0)) response.end()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await all).toEqual([200, 200, 200, 200, 200])
  })

  it('of strangers leave the places of the operator free', async () => {
    const strange = await startTcp(() => {})
    const server = await startHttp((_request, response) => response.end())
    const outbound = createTestOutbound({
      publicPort: strange.port,
      limits: { slots: { perOrigin: 1, total: 1, waiting: 0 } },
    })
    outbound.names.set('a.example.com.', [PUBLIC_ADDRESS])
    const stranger = outbound.ask({ url: 'https://a.example.com/', hostFrom: 'input', timeoutMs: 300 })
    expect(await outbound.ask({ url: 'https://a.example.com/', hostFrom: 'input' })).toBe('overloaded')
    expect(await outbound.ask({ url: `http://127.0.0.1:${server.port}/` })).toBe(200)
    expect(await stranger).toBe('timeout')
  })
})

describe('places for requests', () => {
  const never = new AbortController().signal

  it('are given in the order of arrival, past those whose origin has none', async () => {
    const slots = createRequestSlots({ perOrigin: 1, total: 2, waiting: 10 })
    const order: string[] = []
    const releaseA = await slots.acquire('a', never)
    const releaseB = await slots.acquire('b', never)
    const take = async (origin: string, name: string) => {
      const release = await slots.acquire(origin, never)
      order.push(name)
      return release
    }
    const second = take('a', 'a2')
    const third = take('c', 'c1')
    const fourth = take('a', 'a3')
    releaseB()
    const releaseC = await third
    expect(order).toEqual(['c1'])
    releaseA()
    const releaseSecond = await second
    expect(order).toEqual(['c1', 'a2'])
    releaseC()
    releaseSecond()
    await fourth
    expect(order).toEqual(['c1', 'a2', 'a3'])
  })

  it('are given back once, however often that is said', async () => {
    const slots = createRequestSlots({ perOrigin: 1, total: 2, waiting: 0 })
    const release = await slots.acquire('a', never)
    release()
    release()
    await slots.acquire('a', never)
    await slots.acquire('b', never)
    await expect(slots.acquire('c', never)).rejects.toMatchObject({ outcome: 'overloaded' })
  })

  it('are no longer waited for by those who have given up', async () => {
    const slots = createRequestSlots({ perOrigin: 1, total: 1, waiting: 1 })
    const release = await slots.acquire('a', never)
    const controller = new AbortController()
    const waiting = slots.acquire('a', controller.signal)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    const next = slots.acquire('a', never)
    release()
    expect(await next).toBeTypeOf('function')
    await expect(slots.acquire('b', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  })
})

describe('lookups', () => {
  const target = (name: string) => parseOutboundTarget(`https://${name}/`, 'operator')

  it('of one name at one time are one', async () => {
    const answers: ((addresses: string[]) => void)[] = []
    const resolve = createAddressResolver(() => new Promise((answer) => void answers.push(answer)))
    const asked = [resolve(target('a.example.com')), resolve(target('a.example.com'))]
    expect(answers).toHaveLength(1)
    answers[0]?.(['192.0.2.1'])
    expect(await Promise.all(asked)).toEqual([['192.0.2.1'], ['192.0.2.1']])
    void resolve(target('a.example.com'))
    expect(answers).toHaveLength(2)
  })

  it('that hang are bounded', async () => {
    let asked = 0
    const resolve = createAddressResolver(() => {
      asked++
      return new Promise(() => {})
    })
    for (let i = 0; i < 64; i++) void resolve(target(`h${i}.example.com`))
    await expect(resolve(target('one-more.example.com'))).rejects.toMatchObject({ outcome: 'overloaded' })
    expect(asked).toBe(64)
    expect(await resolve(target('192.0.2.1'))).toEqual(['192.0.2.1'])
  })
})
