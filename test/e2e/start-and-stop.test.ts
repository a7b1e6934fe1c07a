import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { CoreService } from '@capiscio/proto/core/v1'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCapiscio, startDevCore } from '../tools/core-process.ts'
import { createRawClient } from '../tools/raw-client.ts'

const MAIN = join(import.meta.dirname, '../../core/dist/main.js')

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capiscio-e2e-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

/** `capiscio serve` with everything inside the test's folder. */
function serve(...args: string[]) {
  return runCapiscio(
    ['serve', '--socket', join(folder, 'core.sock'), '--http', 'none', '--state-dir', join(folder, 'state'), ...args],
    { env: { HOME: folder } },
  )
}

describe('a broken file is refused at start, with its line and the reason', () => {
  it('a policy file', async () => {
    const policy = join(folder, 'policy.yaml')
    await writeFile(policy, 'version: 1\ntools:\n  - match: ["[read_*"]\n')
    const { code, stderr } = await serve('--policy', policy)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^capiscio: The policy file .*policy\.yaml is refused: line 3, column \d+: /)
    expect(await readdir(folder)).toEqual(['policy.yaml'])
  })

  it('a configuration file', async () => {
    const config = join(folder, 'capiscio.yaml')
    await writeFile(config, 'profile: connected-prod\ntrust:\n  acceptLevelZero: true\n  isuers: []\n')
    const { code, stderr } = await serve('--config', config)
    expect(code).toBe(1)
    expect(stderr).toMatch(/capiscio: .*capiscio\.yaml:4:\d+: /)
    expect(await readdir(folder)).toEqual(['capiscio.yaml'])
  })

  it('a missing policy file', async () => {
    const { code, stderr } = await serve('--policy', join(folder, 'none.yaml'))
    expect(code).toBe(1)
    expect(stderr).toContain('none.yaml')
  })
})

describe('the evidence folder', () => {
  it('that cannot be written is refused at start', async () => {
    const root = join(folder, 'evidence')
    await mkdir(root, { mode: 0o500 })
    const { code, stderr } = await runCapiscio(['serve', '--socket', join(folder, 's'), '--http', 'none'], {
      env: { HOME: folder, CAPISCIO_EVIDENCE_DIR: root },
    })
    expect(code).toBe(1)
    expect(stderr).toBe(
      `capiscio: ${root} is read-only. Make it writable: chmod 700 ${root}, or mount it read-write.\n`,
    )
    expect(await readdir(root)).toEqual([])
  })

  it.each(['/sys/capiscio-evidence', '/dev/null/evidence'])(
    'that no folder can be is refused in one line: %s',
    async (root) => {
      const { code, stderr } = await runCapiscio(['serve', '--socket', join(folder, 's'), '--http', 'none'], {
        env: { HOME: folder, CAPISCIO_EVIDENCE_DIR: root },
      })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^capiscio: .*cannot be [^\n]*\n$/)
      expect(stderr).toContain(root)
    },
  )

  it('with a mode that lets others in is refused at start', async () => {
    const root = join(folder, 'evidence')
    await mkdir(root)
    await chmod(root, 0o777)
    const { code, stderr } = await serve('--evidence-log', root)
    expect(code).toBe(1)
    expect(stderr).toContain(root)
    expect(await readdir(root)).toEqual([])
  })

  it('that another core writes is refused within a second, and nothing is changed', async () => {
    const core = await startDevCore(folder)
    try {
      const [id = ''] = await readdir(join(folder, 'evidence', 'logs'))
      const log = join(folder, 'evidence', 'logs', id)
      const before = await readdir(log, { recursive: true })
      const startedMs = performance.now()
      const { code, stderr } = await runCapiscio(
        [
          'serve',
          '--socket',
          join(folder, 'x.sock'),
          '--http',
          'none',
          '--state-dir',
          join(folder, 'state'),
          '--evidence-log',
          log,
        ],
        { env: { HOME: folder } },
      )
      expect(code).toBe(1)
      expect(stderr).toContain('Another process writes the evidence log')
      expect(performance.now() - startedMs).toBeLessThan(5_000)
      expect(await readdir(log, { recursive: true })).toEqual(before)
    } finally {
      await core.stop()
    }
  })

  it('whose journal was changed in the middle is refused with its own exit code, naming file and entry', async () => {
    const first = await startDevCore(folder)
    {
      using client = createRawClient(first.address)
      for (let call = 0; call < 5; call += 1)
        await client.call(CoreService.method.evaluateToolAccess, { toolName: `t${call}` })
    }
    expect(await first.stop()).toBe(0)
    const [id = ''] = await readdir(join(folder, 'evidence', 'logs'))
    const journal = join(folder, 'evidence', 'logs', id, 'journal')
    const [name = ''] = await readdir(journal)
    const bytes = await readFile(join(journal, name))
    const at = bytes.indexOf('"t1"')
    expect(at).toBeGreaterThan(0)
    bytes.write('"t9"', at)
    await writeFile(join(journal, name), bytes)

    const { code, stderr } = await runCapiscio([
      'dev',
      '--dir',
      folder,
      '--listen',
      '127.0.0.1:0',
      '--http',
      '127.0.0.1:0',
    ])
    expect(code).toBe(3)
    expect(stderr).toMatch(/^capiscio: JOURNAL_DAMAGED: /)
    expect(stderr).toContain(name)
    expect(await readFile(join(journal, name))).toEqual(bytes)
  })
})

describe('an evidence log that is put back to an older state', () => {
  const started = () => startDevCore(folder)
  const again = () => runCapiscio(['dev', '--dir', folder, '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'])
  let journal: string

  /** A core that decided five times more, and was stopped or killed. */
  async function decideFive(end: 'stop' | 'kill'): Promise<void> {
    const core = await started()
    {
      using client = createRawClient(core.address)
      for (let call = 0; call < 5; call += 1)
        await client.call(CoreService.method.evaluateToolAccess, { toolName: `t${call}` })
    }
    await core[end]()
    const [id = ''] = await readdir(join(folder, 'evidence', 'logs'))
    journal = join(folder, 'evidence', 'logs', id, 'journal')
  }

  it.each(['stop', 'kill'] as const)('is refused when it ends before the last start, after a %s', async (end) => {
    await decideFive(end)
    const older = join(folder, 'older')
    await cp(journal, older, { recursive: true })
    await decideFive(end)
    // Seen by the next start, which remembers ten.
    await (await started()).kill()
    await rm(journal, { recursive: true })
    await cp(older, journal, { recursive: true })
    const { code, stderr } = await again()
    expect(code).toBe(3)
    expect(stderr).toMatch(
      /^capiscio: JOURNAL_ROLLED_BACK: The journal ends after 5 entries, but a checkpoint for 10 exists/,
    )
  })

  it('is refused when it ends before the last graceful stop', async () => {
    await decideFive('stop')
    const older = join(folder, 'older')
    await cp(journal, older, { recursive: true })
    await decideFive('stop')
    await rm(journal, { recursive: true })
    await cp(older, journal, { recursive: true })
    expect(await again()).toMatchObject({ code: 3, stderr: expect.stringContaining('JOURNAL_ROLLED_BACK') })
  })

  it('is refused when it is emptied: the log must not begin again under its name', async () => {
    await decideFive('stop')
    await rm(journal, { recursive: true })
    await mkdir(journal, { mode: 0o700 })
    expect(await again()).toMatchObject({ code: 3, stderr: expect.stringContaining('JOURNAL_ROLLED_BACK') })
    expect(await readdir(journal)).toEqual([])
  })

  it('goes on when nothing was taken from it', async () => {
    await decideFive('kill')
    await decideFive('stop')
    const core = await started()
    using client = createRawClient(core.address)
    expect((await client.call(CoreService.method.getServerInfo, {})).evidenceLog?.size).toBe(10n)
    await core.kill()
  })
})

describe('addresses', () => {
  it('that are taken are refused by serve', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => holder.once('listening', resolve))
    const { port } = holder.address() as { port: number }
    const { code, stderr } = await runCapiscio(
      [
        'serve',
        '--listen',
        `127.0.0.1:${port}`,
        '--http',
        'none',
        '--state-dir',
        join(folder, 'state'),
        '--evidence-log',
        join(folder, 'log'),
      ],
      { env: { HOME: folder } },
    )
    holder.close()
    expect(code).toBe(1)
    expect(stderr).toContain(`127.0.0.1:${port} is taken`)
  })

  it('that dev usually has, and are taken, are replaced by free ones', async () => {
    const holder = createServer().listen(50051, '127.0.0.1')
    // Another process may hold the port already, which serves as well.
    await new Promise((resolve) => holder.once('listening', resolve).once('error', resolve))
    const core = await startDevCore(folder, [])
    holder.close()
    expect(core.address).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(core.address).not.toBe('127.0.0.1:50051')
    expect(await core.stop()).toBe(0)
  })

  it('beyond loopback are refused without TLS', async () => {
    const { code, stderr } = await runCapiscio(['serve', '--listen', '0.0.0.0:0'], { env: { HOME: folder } })
    expect(code).toBe(1)
    expect(stderr).toContain('--insecure')
  })
})

describe('a Unix socket', () => {
  it('that is a file of somebody else is left alone', async () => {
    await writeFile(join(folder, 'core.sock'), 'precious')
    const { code, stderr } = await serve('--evidence-log', join(folder, 'log'))
    expect(code).toBe(1)
    expect(stderr).toContain('is not a socket')
    expect(await readFile(join(folder, 'core.sock'), 'utf8')).toBe('precious')
  })

  it('with a path that no system can bind is refused', async () => {
    const { code, stderr } = await runCapiscio(['serve', '--socket', join(folder, 'x'.repeat(120))], {
      env: { HOME: folder },
    })
    expect(code).toBe(1)
    expect(stderr).toContain('107')
  })
})

describe('a development folder', () => {
  it('that is in use names its holder', async () => {
    const core = await startDevCore(folder)
    const { code, stderr } = await runCapiscio(['dev', '--dir', folder])
    expect(code).toBe(1)
    expect(stderr).toContain(`held by process ${core.child.pid}, listening on ${core.address}`)
    expect(await core.stop()).toBe(0)
  })

  it('that is a file is refused with what to do', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const { code, stderr } = await runCapiscio(['dev', '--dir', file])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^capiscio: .*file cannot be the folder: .* with --dir\.\n$/),
    ])
  })

  it('is shown with commands that work, among them one that takes up the edited policy', async () => {
    const policy = join(folder, 'mine.yaml')
    await writeFile(policy, 'version: 1\n')
    const args = [MAIN, 'dev', '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0', '--policy', 'mine.yaml']
    const dev = spawn(process.execPath, args, {
      cwd: folder,
      env: { HOME: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let screen = ''
    for await (const text of dev.stdout.setEncoding('utf8')) {
      screen += text
      if (screen.includes('Stop with')) break
    }
    expect(screen).toContain('  Policy    mine.yaml ')
    const [, address = ''] = /CAPISCIO_CORE_ADDR=(\S+)/.exec(screen) ?? []
    const tried = [...screen.matchAll(/^ {2}npx capiscio (.+)$/gm)].map(([, command = '']) => command.split(' '))
    expect(tried.map(([name]) => name)).toEqual(['status', 'policy', 'reload', 'evidence'])
    await writeFile(policy, 'version: 1\ndefault: { minTrustLevel: 4 }\n')
    const ran = []
    for (const command of tried) {
      const { code, stderr } = await runCapiscio(command, {
        env: { HOME: folder, CAPISCIO_CORE_ADDR: address },
        cwd: folder,
      })
      ran.push([command[0], code, stderr])
    }
    // The example caller of level 1 does not pass the policy, which is an answer.
    expect(ran).toEqual([
      ['status', 0, ''],
      ['policy', 1, ''],
      ['reload', 0, ''],
      ['evidence', 0, ''],
    ])
    const { stdout } = await runCapiscio(['status'], { env: { HOME: folder, CAPISCIO_CORE_ADDR: address } })
    const { stdout: checked } = await runCapiscio(['policy', 'check', policy])
    const [version] = /sha256:\S+/.exec(checked) ?? []
    expect(stdout).toContain(version)
    const ended = once(dev, 'exit')
    dev.kill('SIGTERM')
    expect((await ended)[0]).toBe(0)
  })

  it('keeps keys and evidence from run to run, readable by its owner only', async () => {
    const first = await startDevCore(folder)
    const key = await readFile(join(folder, 'api-key'), 'utf8')
    await first.stop()
    const second = await startDevCore(folder)
    expect(await readFile(join(folder, 'api-key'), 'utf8')).toBe(key)
    await second.stop()
    expect(await readdir(join(folder, 'evidence', 'logs'))).toHaveLength(1)
    for (const secret of ['issuer.key', 'agent.key', 'api-key', 'badges/level-4.jwt']) {
      expect((await stat(join(folder, secret))).mode & 0o777).toBe(0o600)
    }
  })
})

describe('SIGTERM under load', () => {
  it('answers every accepted call with evidence and ends with 0', async () => {
    const core = await startDevCore(folder)
    using client = createRawClient(core.address)
    const calls = Array.from({ length: 200 }, (_, call) =>
      client.call(CoreService.method.evaluateToolAccess, { toolName: `tool_${call}` }).then(
        ({ decision }) => decision?.evidenceId ?? '',
        (error: { code: number }) => error.code,
      ),
    )
    // The first answer means that the core is in the middle of them.
    await Promise.race(calls)
    const code = core.stop()
    const answers = await Promise.all(calls)
    expect(await code).toBe(0)
    // Each call was either answered with evidence or refused as UNAVAILABLE: none hung, none was cut off.
    expect(answers.filter((answer) => answer === '' || (typeof answer === 'number' && answer !== 14))).toEqual([])
    const logged = await recordIds()
    expect(answers.filter((answer) => typeof answer === 'string' && !logged.has(answer))).toEqual([])
  })

  async function recordIds(): Promise<Set<string>> {
    const { readEvidenceLogs } = await import('@capiscio/core')
    const ids = new Set<string>()
    for await (const { leaf } of readEvidenceLogs({ root: join(folder, 'evidence') })) {
      ids.add((JSON.parse(Buffer.from(leaf).toString()) as { id: string }).id)
    }
    return ids
  }
})

describe('a folder that is a file', () => {
  it.each([
    ['registry', 'init', '--issuer', 'https://a.example.com', '--data'],
    ['evidence', 'export', '--evidence-log', '.', '--out'],
  ])('is no fault of capiscio %s %s', async (...command) => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    const core = await startDevCore(folder)
    await core.stop()
    const [log = ''] = await readdir(join(folder, 'evidence', 'logs'))
    const { code, stderr } = await runCapiscio([...command, file], {
      env: { HOME: folder },
      cwd: join(folder, 'evidence', 'logs', log),
    })
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^capiscio: .*file.* cannot be used: E[A-Z]+: .*\n$/)])
  })
})

describe('a command whose output', () => {
  /** Runs a shell pipeline with the command in it. */
  async function pipeline(text: string) {
    const env = { PATH: process.env.PATH, HOME: folder, NODE: process.execPath, MAIN }
    const shell = spawn('bash', ['-c', `set -o pipefail; ${text}`], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [stdout, stderr, [code]] = await Promise.all([
      textOf(shell.stdout),
      textOf(shell.stderr),
      once(shell, 'exit'),
    ])
    return { code, stdout, stderr }
  }

  it('nobody reads ends without a word, and not as if it were done', async () => {
    // The reader is gone before the first line.
    const { code, stderr } = await pipeline('exec 3> >(exec true); wait $!; "$NODE" "$MAIN" config check >&3')
    expect([code, stderr]).toEqual([141, ''])
  })

  it('nobody reads says nothing of records that it wrote to nobody', async () => {
    const core = await startDevCore(folder)
    {
      using client = createRawClient(core.address)
      for (let call = 0; call < 3; call += 1)
        await client.call(CoreService.method.evaluateToolAccess, { toolName: `t${call}` })
    }
    expect(await core.stop()).toBe(0)
    const run = '"$NODE" "$MAIN" evidence export --root "$HOME/evidence"'
    expect(await pipeline(run)).toMatchObject({ code: 0, stderr: '3 records.\n' })
    expect(await pipeline(`exec 3> >(exec true); wait $!; ${run} >&3`)).toMatchObject({ code: 141, stderr: '' })
  })

  it.runIf(existsSync('/dev/full'))('does not fit says so', async () => {
    const { code, stderr } = await pipeline('"$NODE" "$MAIN" config check > /dev/full')
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^capiscio: Standard output cannot be written: ENOSPC/)])
  })
})
