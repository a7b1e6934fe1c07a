import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, readSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreService } from '@capiscio/proto/core/v1'
import { MCPDecision, MCPService } from '@capiscio/proto/v1'
import { Client, credentials } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { devCredential, runCapiscio, startDevCore } from '../tools/core-process.ts'
import { createRawClient, type RawClient } from '../tools/raw-client.ts'

// The checklist for a binary that existing SDKs start by themselves: they give it
// `rpc --address localhost:PORT`, pipes that nobody reads, and nothing else.

const MAIN = join(import.meta.dirname, '..', '..', 'core', 'dist', 'main.js')

/** The SDK gives up after this long. */
const CONNECT_LIMIT_MS = 30_000

/** After SIGTERM the SDK waits this long before it sends SIGKILL. */
const CLOSE_LIMIT_MS = 5_000

let home: string
const children = new Set<ChildProcess>()

beforeEach(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'capiscio-drop-in-')))
})

afterEach(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
  children.clear()
  await rm(home, { recursive: true, force: true })
})

/** As the SDK finds a port: any free one, looked up and given back. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0)
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}

interface LaunchOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** File descriptor for standard output and error. Default: pipes that nobody reads. */
  readonly output?: number
  readonly detached?: boolean
}

interface Launched {
  readonly port: number
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
}

function launch(port: number, { env, cwd, output, detached = false }: LaunchOptions = {}): Launched {
  const child = spawn(process.execPath, [MAIN, 'rpc', '--address', `localhost:${port}`], {
    stdio: ['ignore', output ?? 'pipe', output ?? 'pipe'],
    env: { PATH: process.env.PATH, HOME: home, ...env },
    detached,
    ...(cwd !== undefined && { cwd }),
  })
  children.add(child)
  return { port, child, exited: new Promise((resolve) => child.once('exit', (code) => resolve(code))) }
}

/**
 * Waits for the port and then for Health. Resolves to the time it took. The port comes first because
 * gRPC clients wait a second after a refused connection, which is none of the core's time.
 */
async function ready({ port, child }: Launched, client: RawClient = clientOf(port)): Promise<number> {
  const startedMs = performance.now()
  while (performance.now() - startedMs < CONNECT_LIMIT_MS) {
    if (child.exitCode !== null) throw new Error(`The core ended with ${child.exitCode}: ${child.stderr?.read() ?? ''}`)
    if (await isReached(port, 'localhost')) {
      const answer = await client.call(MCPService.method.health, {}).catch(() => undefined)
      if (answer?.healthy === true) return performance.now() - startedMs
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`The core was not healthy within ${CONNECT_LIMIT_MS} ms`)
}

/** Whether anybody listens there. */
function isReached(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

const clients = new Set<RawClient>()

function clientOf(port: number): RawClient {
  const client = createRawClient(`localhost:${port}`)
  clients.add(client)
  return client
}

afterEach(() => {
  for (const client of clients) client[Symbol.dispose]()
  clients.clear()
})

const evaluate = MCPService.method.evaluateToolAccess

/** Sends SIGTERM and resolves to exit code and time. */
async function terminate({ child, exited }: Launched): Promise<{ code: number | null; tookMs: number }> {
  const startedMs = performance.now()
  child.kill('SIGTERM')
  return { code: await exited, tookMs: performance.now() - startedMs }
}

describe('(a) rpc --address localhost:PORT', () => {
  it('listens on loopback and on no other address of this machine', async () => {
    const core = launch(await freePort())
    await ready(core)
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, scopeid }) => !internal && !scopeid)
    for (const { address } of others) expect([address, await isReached(core.port, address)]).toEqual([address, false])
    // Clients try every address that the name has; one of them must answer.
    const loopback = await Promise.all(['127.0.0.1', '::1'].map((address) => isReached(core.port, address)))
    expect(loopback).toContain(true)
    expect(await terminate(core)).toMatchObject({ code: 0 })
  })
})

describe('(b) readiness', () => {
  it('comes long before the SDK gives up', async () => {
    const core = launch(await freePort())
    const tookMs = await ready(core)
    console.log(`capiscio rpc answered Health ${tookMs.toFixed(0)} ms after it was started`)
    // Asked for is half a second on an idle machine; this bound holds on a busy one too.
    expect(tookMs).toBeLessThan(10_000)
    await terminate(core)
  })
})

describe('(c) pipes that nobody drains', () => {
  it('are left alone while 20 000 calls run, and every one is recorded', async () => {
    const core = launch(await freePort(), { env: { CAPISCIO_LOG_LEVEL: 'trace' } })
    const client = clientOf(core.port)
    await ready(core, client)
    const total = 20_000
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < total) {
        const { decision } = await client.call(evaluate, { toolName: `tool_${next++}` })
        if (decision !== MCPDecision.MCP_DECISION_ALLOW) throw new Error(`Decision ${decision}`)
      }
    }
    await Promise.all(Array.from({ length: 200 }, worker))
    const { evidenceLog } = await client.call(CoreService.method.getServerInfo, {})
    expect(evidenceLog?.size).toBe(BigInt(total))
    expect(await terminate(core)).toMatchObject({ code: 0 })
    const written = `${core.child.stdout?.read() ?? ''}${core.child.stderr?.read() ?? ''}`
    expect(written.split('\n').length).toBeLessThanOrEqual(5)
    expect(await readFile(join(home, '.capiscio', 'core', 'rpc.log'), 'utf8')).toContain('"event":"started"')
  })

  it('that are full before the first byte do not stop it', async () => {
    const fifo = join(home, 'full')
    execFileSync('mkfifo', [fifo])
    // Opened for both directions, so that it has a reader, who never reads.
    const pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
    fill(pipe)
    const core = launch(await freePort(), { output: pipe })
    const client = clientOf(core.port)
    await ready(core, client)
    expect((await client.call(evaluate, { toolName: 'list_files' })).decision).toBe(MCPDecision.MCP_DECISION_ALLOW)
    expect(await terminate(core)).toMatchObject({ code: 0 })
    closeSync(pipe)
  })

  it('that are closed at the other end do not stop it', async () => {
    const core = launch(await freePort())
    core.child.stdout?.destroy()
    core.child.stderr?.destroy()
    const client = clientOf(core.port)
    await ready(core, client)
    expect((await client.call(evaluate, { toolName: 'list_files' })).decision).toBe(MCPDecision.MCP_DECISION_ALLOW)
    expect(await terminate(core)).toMatchObject({ code: 0 })
  })

  function fill(pipe: number): void {
    const block = Buffer.alloc(4096, '.')
    try {
      while (true) writeSync(pipe, block)
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN')
    }
    // Proof that it was full of ours: something can be taken out and put back.
    expect(readSync(pipe, block)).toBe(block.length)
    writeSync(pipe, block)
  }
})

describe('(d) SIGTERM', () => {
  it('ends it in time while a client is connected and another watches its health', async () => {
    const core = launch(await freePort())
    const client = clientOf(core.port)
    await ready(core, client)
    const watcher = new Client(`localhost:${core.port}`, credentials.createInsecure())
    const pass = (bytes: Buffer): Buffer => bytes
    const watch = watcher.makeServerStreamRequest('/grpc.health.v1.Health/Watch', pass, pass, Buffer.alloc(0))
    watch.on('error', () => {})
    await new Promise((resolve) => watch.once('data', resolve))
    const { code, tookMs } = await terminate(core)
    watcher.close()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(CLOSE_LIMIT_MS)
  })

  it('ends it in time under load, and no call is left without an answer', async () => {
    const core = launch(await freePort())
    const client = clientOf(core.port)
    await ready(core, client)
    const calls = Array.from({ length: 500 }, (_, call) =>
      client.call(evaluate, { toolName: `tool_${call}` }).then(
        ({ evidenceId }) => evidenceId !== '',
        (error: { code: number }) => error.code,
      ),
    )
    await Promise.race(calls)
    const { code, tookMs } = await terminate(core)
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(CLOSE_LIMIT_MS)
    const UNAVAILABLE = 14
    expect((await Promise.all(calls)).filter((answer) => answer !== true && answer !== UNAVAILABLE)).toEqual([])
  })

  it('ends it at once when no client is connected any more', async () => {
    const core = launch(await freePort())
    const client = clientOf(core.port)
    await ready(core, client)
    // An idle client goes when it is told that the core is going.
    const { code, tookMs } = await terminate(core)
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(900)
  })

  it('that comes before it is ready ends it too', async () => {
    const core = launch(await freePort())
    await new Promise((resolve) => setTimeout(resolve, 50))
    const { tookMs } = await terminate(core)
    expect(tookMs).toBeLessThan(CLOSE_LIMIT_MS)
  })
})

describe('(e) the environment', () => {
  it('is all that it needs: without any of ours, state and evidence go to the home folder', async () => {
    const core = launch(await freePort())
    const client = clientOf(core.port)
    await ready(core, client)
    expect(await client.call(CoreService.method.getServerInfo, {})).toMatchObject({ profile: 'connected-prod' })
    await terminate(core)
    expect(existsSync(join(home, '.capiscio', 'evidence', 'logs'))).toBe(true)
    expect(existsSync(join(home, '.capiscio', 'core', 'log-keys'))).toBe(true)
  })

  it('says where state and evidence go', async () => {
    const env = { CAPISCIO_STATE_DIR: join(home, 's'), CAPISCIO_EVIDENCE_DIR: join(home, 'e') }
    const core = launch(await freePort(), { env })
    await ready(core)
    await terminate(core)
    expect(existsSync(join(home, 'e', 'logs'))).toBe(true)
    expect(existsSync(join(home, 's', 'log-keys'))).toBe(true)
    expect(existsSync(join(home, '.capiscio'))).toBe(false)
  })

  it('names a configuration file, whose issuers, keys and policy hold', async () => {
    const folder = join(home, 'dev')
    // Its registry says whether badges were revoked, so it stays.
    const dev = await startDevCore(folder)
    const core = launch(await freePort(), { env: { CAPISCIO_CONFIG: join(folder, 'capiscio.yaml') } })
    const client = clientOf(core.port)
    await ready(core, client)
    const ask = async (name: string) => {
      const value = await devCredential(folder, 'badges', `${name}.jwt`)
      return client.call(evaluate, { toolName: 'read_rows', callerCredential: { case: 'badgeJws', value } })
    }
    expect(await ask('level-2')).toMatchObject({ decision: MCPDecision.MCP_DECISION_ALLOW, trustLevel: 2 })
    expect(await ask('level-1')).toMatchObject({ errorCode: 'TOOL_TRUST_INSUFFICIENT' })
    await terminate(core)
    await dev.stop()
  })

  it.each([
    ['CAPISCIO_PROFILE', 'production'],
    ['CAPISCIO_EVIDENCE_MODE', 'cloud'],
    ['CAPISCIO_EVIDENCE_RETENTION_DAYS', 'soon'],
    ['CAPISCIO_LOG_LEVEL', 'loud'],
    ['CAPISCIO_ENFORCEMENT_MODE', 'EM-NONE'],
    ['CAPISCIO_CONFIG', '/no/such/file.yaml'],
    ['CAPISCIO_REGISTRY_ENDPOINT', 'not a URL'],
    ['CAPISCIO_TRUST_STORE_KEY', 'not a key'],
  ])('is refused with a line that names it: %s=%s', async (name, value) => {
    const { code, stderr } = await runCapiscio(['rpc', '--address', `localhost:${await freePort()}`], {
      env: { HOME: home, [name]: value },
    })
    expect(code).toBe(1)
    expect(stderr).toContain(name === 'CAPISCIO_CONFIG' ? value : name)
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
    expect(existsSync(join(home, '.capiscio', 'evidence'))).toBe(false)
  })

  it('may hold variables of SDKs and of nobody without being refused', async () => {
    const env = { CAPISCIO_SERVER_DID: 'did:web:a.example', CAPISCIO_API_KEY: 'k', CAPISCIO_NEXT_YEARS_IDEA: '1' }
    const core = launch(await freePort(), { env })
    await ready(core)
    expect(await terminate(core)).toMatchObject({ code: 0 })
  })
})

describe('(f) a restart on the same port', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('works at once after %s, also for a client that stayed', async (signal) => {
    const port = await freePort()
    const client = clientOf(port)
    for (let start = 0; start < 3; start += 1) {
      const core = launch(port)
      await ready(core, client)
      expect((await client.call(evaluate, { toolName: 'list_files' })).decision).toBe(MCPDecision.MCP_DECISION_ALLOW)
      core.child.kill(signal)
      await core.exited
    }
    const last = launch(port)
    await ready(last, client)
    const { evidenceLog } = await client.call(CoreService.method.getServerInfo, {})
    // The same log goes on: nothing that was answered is missing.
    expect(evidenceLog?.size).toBe(3n)
    await terminate(last)
  })

  it('is refused with a line while another holds the port', async () => {
    const core = launch(await freePort())
    await ready(core)
    const { code, stderr } = await runCapiscio(['rpc', '--address', `localhost:${core.port}`], { env: { HOME: home } })
    expect(code).toBe(1)
    expect(stderr).toContain(`localhost:${core.port} is taken`)
    await terminate(core)
  })
})

describe('(g) no terminal and any working folder', () => {
  it.each(['/', '/proc'])('starts in %s', async (cwd) => {
    const core = launch(await freePort(), { cwd, detached: true })
    await ready(core)
    expect(await terminate(core)).toMatchObject({ code: 0 })
  })

  it('starts in a folder that may only be read, and leaves nothing in it', async () => {
    const cwd = join(home, 'read-only')
    await mkdir(cwd, { mode: 0o500 })
    const core = launch(await freePort(), { cwd })
    await ready(core)
    await terminate(core)
    expect(execFileSync('ls', ['-A', cwd]).toString()).toBe('')
  })

  it('runs on when its standard input is closed', async () => {
    const port = await freePort()
    const child = spawn(process.execPath, [MAIN, 'rpc', '--address', `localhost:${port}`], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: home },
    })
    children.add(child)
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
    const core: Launched = { port, child, exited }
    child.stdin.end()
    const client = clientOf(port)
    await ready(core, client)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect((await client.call(evaluate, { toolName: 'list_files' })).decision).toBe(MCPDecision.MCP_DECISION_ALLOW)
    expect(await terminate(core)).toMatchObject({ code: 0 })
  })
})
