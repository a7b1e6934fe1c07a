import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addEvidenceCommand } from '../../../core/src/cli/evidence/evidence.ts'
import { findLogs } from '../../../core/src/cli/evidence/stored-logs.ts'
import { tail } from '../../../core/src/cli/evidence/tail.ts'
import type { CliIo } from '../../../core/src/cli/print.ts'
import { encodeOutcomeRecord, type OutcomeRecord } from '../../../core/src/domain/evidence/outcome-record.ts'
import { readEvidenceLogs } from '../../../core/src/setup/evidence/read-evidence-logs.ts'
import { createEvidencePlace, type EvidencePlace, openAt, removeEvidencePlaces } from '../../tools/evidence-place.ts'
import { captureIo, type RanCommand, type RunCommandOptions, runCommand } from '../../tools/run-command.ts'
import { decision, idOf, outcome, START_MS } from '../domain/evidence/test-records.ts'

const DAY_MS = 86_400_000
const HOSTILE = '=cmd|\u001b[31m\u202e'

/** What the commands print as JSON, as far as these tests look at it. */
interface Shown {
  readonly [name: string]: unknown
  readonly message: string
  readonly files: { readonly leaf: string; readonly receipt: string; readonly vkey: string }
  readonly records: readonly {
    readonly index: number
    readonly log: string
    readonly record: { readonly id: string }
  }[]
  readonly logs: readonly { readonly [name: string]: unknown; readonly findings: readonly unknown[] }[]
}

type Ran = RanCommand<Shown>

const ENV = { HOME: '/nowhere' }

const run = (args: readonly string[], options: RunCommandOptions = {}) =>
  runCommand<Shown>(addEvidenceCommand, ['evidence', ...args], { env: ENV, ...options })

/** A log under the root of a place. */
async function writeLog(place: EvidencePlace, ...batches: readonly (readonly Uint8Array[])[]) {
  const { log, directory } = await openAt(place, { location: { root: place.root } })
  for (const batch of batches) await Promise.all(batch.map((leaf) => log.append(leaf)))
  const { origin, vkey } = log
  await log.close()
  return { origin, vkey, directory, id: basename(directory) }
}

const records = [
  decision(0),
  decision(1, { target: 'drop_table', decision: 'DENY', denyReason: 'TOOL_NOT_ALLOWED', agentDid: 'apikey:ci' }),
  outcome(2, 0),
  decision(3, { target: HOSTILE, agentDid: '', atMs: START_MS + DAY_MS }),
]

let place: EvidencePlace
let log: Awaited<ReturnType<typeof writeLog>>
let atRoot: string[]

beforeAll(async () => {
  place = createEvidencePlace()
  log = await writeLog(place, records.slice(0, 3), records.slice(3))
  atRoot = ['--root', place.root]
})
afterAll(removeEvidencePlaces)

/** A copy of the log's root that a test may damage. */
function copyOfRoot(): string {
  const copy = join(createEvidencePlace().folder, 'root')
  cpSync(place.root, copy, { recursive: true })
  return copy
}

const indices = (ran: Ran): number[] => ran.json().records.map(({ index }) => index)

describe('evidence query', () => {
  it.each([
    [[], [3, 2, 1, 0]],
    [['--tool', 'drop_table'], [1]],
    [['--principal', 'apikey:ci'], [1]],
    [
      ['--outcome', 'ALLOW'],
      [3, 0],
    ],
    [['--kind', 'outcome'], [2]],
    [['--decision', idOf(0)], [2]],
    [['--since', '2026-05-07'], [3]],
    [['--until', '2026-05-06T10:00:01Z'], [0]],
    [['--tool', 'nothing'], []],
  ])('with %j gives %j', async (args, expected) => {
    const ran = await run(['query', ...atRoot, '--json', ...args])
    expect([ran.code, indices(ran), ran.json().more]).toEqual([0, expected, false])
    expect(ran.json().records[0]?.log ?? log.origin).toBe(log.origin)
  })

  it('stops at the limit and says that there is more', async () => {
    const ran = await run(['query', ...atRoot, '--json', '--limit', '2'])
    expect([indices(ran), ran.json().more]).toEqual([[3, 2], true])
    expect((await run(['query', ...atRoot, '--limit', '2'])).stderr).toContain('More than 2 match')
    expect((await run(['query', ...atRoot, '--limit', '4'])).stderr).toBe('')
  })

  it('shows people a line for each record, without control characters', async () => {
    const { stdout } = await run(['query', ...atRoot])
    expect(stdout.split('\n')).toEqual([
      `3  2026-05-07T10:00:00.000Z  ALLOW  =cmd|\\u{1b}[31m\\u{202e}  anonymous  ${idOf(3)}`,
      `2  2026-05-06T10:00:02.000Z  ok of ${idOf(0)}  read_file  anonymous  ${idOf(2)}`,
      `1  2026-05-06T10:00:01.000Z  DENY  drop_table  apikey:ci  TOOL_NOT_ALLOWED  ${idOf(1)}`,
      `0  2026-05-06T10:00:00.000Z  ALLOW  read_file  did:web:registry.example:agents:worker-1  ${idOf(0)}`,
      '',
    ])
  })

  it('reads all logs under a root, newest first between them, or the one that is named', async () => {
    const several = createEvidencePlace()
    const first = await openAt(several, { location: { root: several.root } })
    const second = await openAt(several, { location: { root: several.root } })
    await first.log.append(decision(0))
    await second.log.append(decision(1))
    await first.log.append(decision(2))
    const at = ['query', '--root', several.root, '--json']
    expect((await run(at)).json().records.map(({ record }) => record.id)).toEqual([2, 1, 0].map(idOf))
    const named = await run([...at, '--log', second.log.origin])
    expect(named.json().records.map(({ record }) => record.id)).toEqual([idOf(1)])
    const byDirectory = await run(['query', '--evidence-log', first.directory, '--json'])
    expect(indices(byDirectory)).toEqual([1, 0])
    await first.log.close()
    await second.log.close()
  })

  it.each([
    [['--limit', '0'], 2],
    [['--since', 'yesterday'], 2],
    [['--since', '2026-13-01'], 2],
    [['--outcome', 'allow'], 2],
    [['--log', 'evidence.example/other'], 1],
    [['--evidence-log', '/nowhere'], 1],
  ])('refuses %j with exit code %i', async (args, code) => {
    expect((await run(['query', ...atRoot, ...args])).code).toBe(code)
  })

  it('passes over what is no log, and says which folder it cannot read', async () => {
    const root = copyOfRoot()
    mkdirSync(join(root, 'logs', 'notes'))
    expect(indices(await run(['query', '--root', root, '--json']))).toEqual([3, 2, 1, 0])
    const odd = createEvidencePlace()
    expect((await run(['query', '--root', odd.folder])).stderr).toContain('There is no evidence log in')
    writeFileSync(join(odd.folder, 'logs'), '')
    const ran = await run(['query', '--root', odd.folder])
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining(`${join(odd.folder, 'logs')} cannot be read`)])
  })

  it('refuses to pass over a log whose log.json is gone, or is that of another log, unless only another is asked for', async () => {
    const root = copyOfRoot()
    const other = createEvidencePlace()
    const second = await writeLog(other, [decision(5)])
    cpSync(second.directory, join(root, 'logs', second.id), { recursive: true })
    writeFileSync(join(root, 'logs', 'notes.txt'), 'no folder')
    const queried = () => run(['query', '--root', root])
    expect((await queried()).code).toBe(0)

    cpSync(join(root, 'logs', log.id, 'log.json'), join(root, 'logs', second.id, 'log.json'))
    const copied = await queried()
    expect([copied.code, copied.stderr]).toEqual([1, expect.stringContaining(`Put the log ${second.id} back.`)])

    rmSync(join(root, 'logs', second.id, 'log.json'))
    for (const command of ['query', 'verify', 'anchor', 'export']) {
      const ran = await run([command, '--root', root, ...(command === 'export' ? [] : ['--json'])])
      expect([command, ran.code]).toEqual([command, 3])
      expect(ran.stdout + ran.stderr).toContain(`${join(root, 'logs', second.id, 'log.json')} is missing`)
    }
    await expect(readEvidenceLogs({ root }).next()).rejects.toMatchObject({ code: 'FILE_MISSING' })
    expect((await run(['verify', '--root', root, '--log', log.origin])).code).toBe(0)
    expect((await run(['verify', '--root', root, '--log', second.origin])).code).toBe(3)
  })

  it('passes over the folder of a log that is only being made', async () => {
    const root = copyOfRoot()
    mkdirSync(join(root, 'logs', '0123456789abcdef'))
    writeFileSync(join(root, 'logs', '0123456789abcdef', 'lock'), '')
    expect(indices(await run(['query', '--root', root, '--json']))).toEqual([3, 2, 1, 0])
  })

  it('wants all logs or one', async () => {
    const ran = await run(['query', ...atRoot, '--evidence-log', log.directory])
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('not both')])
  })

  it('says where it looked when there is no log, as JSON too', async () => {
    const ran = await run(['query', '--root', '/nowhere', '--json'])
    expect(ran.code).toBe(1)
    expect(ran.json()).toMatchObject({
      ok: false,
      code: 'COMMAND_REFUSED',
      message: expect.stringContaining('/nowhere'),
    })
  })
})

describe('evidence verify', () => {
  it('accepts the log, and says under which key and against which anchors', async () => {
    const ran = await run(['verify', ...atRoot])
    expect(ran.code).toBe(0)
    expect(ran.stdout).toContain('4 records, root ')
    expect(ran.stdout).toMatch(/^took {6}\d+\.\d\d s, [1-9]\d* records per second$/m)
    expect(ran.stdout).toContain('the one in log.json: compare it with a copy kept elsewhere')
    const json = (await run(['verify', ...atRoot, '--json', '--vkey', log.vkey])).json()
    expect(json).toEqual({
      ok: true,
      logs: [
        {
          ...{ log: log.origin, directory: log.directory, keyFrom: '--vkey', anchored: false },
          seconds: expect.any(Number),
          ...{ ok: true, firstKept: 0, size: 4, root: expect.stringMatching(/^[0-9a-f]{64}$/) },
        },
      ],
    })
  })

  it('accepts a log that is empty', async () => {
    const empty = createEvidencePlace()
    await writeLog(empty)
    expect((await run(['verify', '--root', empty.root])).code).toBe(0)
  })

  it('finds a changed byte, names file and entry, and ends with 3', async () => {
    const root = copyOfRoot()
    flipIn(root, 'drop_table')
    const ran = await run(['verify', '--root', root, '--json'])
    expect(ran.code).toBe(3)
    expect(ran.json()).toMatchObject({ ok: false, logs: [{ ok: false }] })
    expect(ran.json().logs[0]?.findings.length).toBeGreaterThan(0)
    const text = await run(['verify', '--root', root])
    expect([text.code, text.stdout]).toEqual([3, expect.stringContaining('NOT VERIFIED')])
  })

  it('refuses a log under another key than the one given', async () => {
    const other = createEvidencePlace()
    const { vkey, origin } = await writeLog(other, [decision(0)])
    const foreign = await run(['verify', ...atRoot, '--vkey', vkey])
    expect([foreign.code, foreign.stderr]).toEqual([1, expect.stringContaining(origin)])
    // The same name with another key: what a replaced log.json would show.
    const root = copyOfRoot()
    const descriptor = join(root, 'logs', log.id, 'log.json')
    writeFileSync(descriptor, readFileSync(descriptor, 'utf8').replace(log.vkey, await otherKeyOf(log.origin)))
    expect((await run(['verify', '--root', root])).code).toBe(3)
    expect((await run(['verify', '--root', root, '--vkey', log.vkey])).code).toBe(0)
    expect((await run(['verify', ...atRoot, '--vkey', await otherKeyOf(log.origin)])).code).toBe(3)
  })

  it('takes the key from a file, with remarks in it', async () => {
    const file = join(place.folder, 'log.vkey')
    writeFileSync(file, `# from the owner\n\n${log.vkey}\n`)
    expect((await run(['verify', ...atRoot, '--vkey', file])).code).toBe(0)
    writeFileSync(file, '# nothing\n')
    const empty = await run(['verify', ...atRoot, '--vkey', file])
    expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining('There is no verifier key in')])
    writeFileSync(file, `${log.vkey}\n${await otherKeyOf('evidence.example/other')}\n`)
    const several = await run(['verify', ...atRoot, '--vkey', file])
    expect([several.code, several.stderr]).toEqual([1, expect.stringContaining('are of several logs')])
    expect((await run(['verify', ...atRoot, '--vkey', 'nonsense'])).code).toBe(3)
  })

  it('misses a log that was saved and is gone, unless only another one is meant', async () => {
    const gone = createEvidencePlace()
    const folder = join(gone.folder, 'anchors')
    const first = await writeLog(gone, [decision(0)])
    await run(['anchor', '--root', gone.root, '--save', folder])
    const other = createEvidencePlace()
    const { directory, origin, vkey, id } = await writeLog(other, [decision(1)])
    cpSync(directory, join(gone.root, 'logs', id), { recursive: true })
    const verify = (...args: string[]) => run(['verify', '--root', gone.root, '--anchors', folder, ...args])
    expect((await verify()).code).toBe(0)
    rmSync(first.directory, { recursive: true })
    const ran = await verify()
    expect([ran.code, ran.stderr]).toEqual([
      3,
      expect.stringContaining(`${first.id}.checkpoint is of a log that is not`),
    ])
    expect((await verify('--log', origin)).code).toBe(0)
    expect((await verify('--vkey', vkey)).code).toBe(0)
    expect((await verify('--vkey', first.vkey)).code).toBe(1)
    rmSync(join(gone.root, 'logs', id), { recursive: true })
    expect((await verify()).code).toBe(3)
  })

  it('shows its progress to people only', async () => {
    expect((await run(['verify', ...atRoot], { isTty: true })).stderr).toMatch(
      /^\rverifying \[#*\.*\] \d+% of 4.*\r\u001b\[K$/s,
    )
    expect((await run(['verify', ...atRoot])).stderr).toBe('')
  })
})

describe('evidence prove and verify-receipt', () => {
  const prove = async (folder: string, id = idOf(1)) => run(['prove', id, ...atRoot, '--out', folder, '--json'])

  it('writes a receipt that is proven without the log', async () => {
    const folder = join(place.folder, 'proof')
    const ran = await prove(folder)
    expect(ran.code).toBe(0)
    const { files } = ran.json()
    expect(readFileSync(files.leaf)).toEqual(Buffer.from(records[1] ?? []))
    expect(readFileSync(files.vkey, 'utf8')).toBe(`${log.vkey}\n`)
    expect((statSync(files.receipt).mode & 0o777).toString(8)).toBe('600')
    const args = ['verify-receipt', files.receipt, '--leaf', files.leaf, '--vkey', files.vkey]
    expect((await run([...args, '--json'])).json()).toMatchObject({
      ...{ ok: true, log: log.origin, index: 1, size: 4 },
      record: { kind: 'decision', decision: 'DENY', tool: 'drop_table', id: idOf(1) },
    })
    const text = await run(args)
    expect([text.code, text.stdout]).toEqual([0, expect.stringContaining(`these bytes are record 1 of ${log.origin}`)])
    expect(text.stdout).toContain('not proven  that what it says happened')
  })

  it('does not prove other bytes, another key, or what is no receipt', async () => {
    const folder = join(place.folder, 'not-proven')
    const { leaf, receipt, vkey } = (await prove(folder)).json().files
    const other = join(folder, 'other')
    writeFileSync(other, records[0] ?? '')
    const codes = await Promise.all(
      [
        [receipt, other, vkey],
        [receipt, leaf, await otherKeyOf(log.origin)],
        [leaf, leaf, vkey],
        [receipt, join(folder, 'missing'), vkey],
      ].map(async ([a = '', b = '', c = '']) => (await run(['verify-receipt', a, '--leaf', b, '--vkey', c])).code),
    )
    expect(codes).toEqual([3, 3, 3, 1])
  })

  it('overwrites nothing', async () => {
    const folder = join(place.folder, 'twice')
    await prove(folder)
    const again = await prove(folder)
    expect([again.code, again.json().message]).toEqual([1, expect.stringContaining('exists already')])
  })

  it.each(['../../etc/passwd', 'x', idOf(1).toUpperCase().replace('0', 'A')])('refuses %j as an id', async (id) => {
    const folder = join(place.folder, 'refused')
    const ran = await prove(folder, id)
    expect([ran.code, ran.json().message]).toEqual([1, expect.stringContaining('lower-case UUID')])
    expect(existsSync(folder)).toBe(false)
  })

  it('finds a record in whichever log has it', async () => {
    const several = createEvidencePlace()
    const first = await openAt(several, { location: { root: several.root } })
    const second = await openAt(several, { location: { root: several.root } })
    await Promise.all([first.log.append(decision(0)), second.log.append(decision(1))])
    for (const [n, { log: holder }] of [first, second].entries()) {
      const ran = await run(['prove', idOf(n), '--root', several.root, '--out', several.folder, '--json'])
      expect([ran.code, ran.json().log]).toEqual([0, holder.origin])
    }
    await Promise.all([first.log.close(), second.log.close()])
  })

  it('says no to an id that no log has', async () => {
    expect((await prove(join(place.folder, 'unknown'), idOf(77))).code).toBe(1)
  })
})

describe('evidence export', () => {
  it('writes the records as they are hashed, a file for each day', async () => {
    const folder = join(place.folder, 'export')
    const ran = await run(['export', ...atRoot, '--out', folder, '--json'])
    expect(ran.json()).toEqual({
      ok: true,
      records: 4,
      files: [join(folder, '2026-05-06.jsonl'), join(folder, '2026-05-07.jsonl')],
    })
    const lines = (day: string) => readFileSync(join(folder, `${day}.jsonl`), 'utf8')
    const text = (leaf: Uint8Array | undefined) => `${new TextDecoder().decode(leaf)}\n`
    expect(lines('2026-05-06')).toBe(text(records[0]) + text(records[1]) + text(records[2]))
    expect(lines('2026-05-07')).toBe(text(records[3]))
    expect((statSync(join(folder, '2026-05-06.jsonl')).mode & 0o777).toString(8)).toBe('600')
  })

  it('never overwrites a file of an earlier export', async () => {
    const folder = join(place.folder, 'export-twice')
    mkdirSync(folder)
    writeFileSync(join(folder, '2026-05-06.jsonl'), 'mine')
    expect((await run(['export', ...atRoot, '--out', folder])).code).toBe(1)
    expect(readFileSync(join(folder, '2026-05-06.jsonl'), 'utf8')).toBe('mine')
  })

  it('goes back to a day when records do', async () => {
    const back = createEvidencePlace()
    await writeLog(back, [decision(0), decision(1, { atMs: START_MS + DAY_MS }), decision(2)])
    const folder = join(back.folder, 'export')
    await run(['export', '--root', back.root, '--out', folder, '--format', 'csv'])
    const csv = readFileSync(join(folder, '2026-05-06.csv'), 'utf8')
    expect(csv.split('\r\n')).toHaveLength(4)
    expect(csv.match(/^log,index/gm)).toHaveLength(1)
  })

  it('writes CSV that a spreadsheet does not run', async () => {
    const { stdout, stderr } = await run(['export', ...atRoot, '--format', 'csv'])
    const [header, ...rows] = stdout.split('\r\n')
    expect(header).toBe(
      'log,index,time,event,id,decision,deny_reason,reason,tool,principal,auth_level,trust_level,ial,badge_jti,' +
        'params_hash,policy_version,server_origin,sdk,traceparent,decision_id,result,duration_ms,result_hash',
    )
    expect(rows).toHaveLength(5)
    expect(rows[3]).toContain(`,"'=cmd|\\u{1b}[31m\\u{202e}",`)
    expect(rows[2]).toContain(`,${idOf(0)},ok,1,`)
    expect(stderr).toBe('4 records.\n')
  })

  it('takes only what matches', async () => {
    const { stdout } = await run(['export', ...atRoot, '--outcome', 'DENY'])
    expect(stdout).toBe(`${new TextDecoder().decode(records[1])}\n`)
  })

  it('has no room for JSON beside the records on standard output', async () => {
    expect((await run(['export', ...atRoot, '--json'])).code).toBe(1)
  })
})

describe('evidence tail', () => {
  it('shows the newest records in order', async () => {
    const { stdout } = await run(['tail', ...atRoot, '-n', '2', '--json'])
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).index),
    ).toEqual([2, 3])
    expect((await run(['tail', ...atRoot, '-n', '0'])).stdout).toBe('')
  })

  it('follows a log that is being written, and misses and repeats nothing', async () => {
    const followed = createEvidencePlace()
    const { log: writer } = await openAt(followed, { location: { root: followed.root } })
    await writer.append(decision(0))
    const stop = new AbortController()
    const { io, ran } = captureIo({ env: ENV })
    const seen = Promise.withResolvers<void>()
    const watched: CliIo = {
      ...io,
      stdout: (text) => {
        io.stdout(text)
        const count = ran().stdout.trimEnd().split('\n').length
        if (count === 1) void Promise.all([1, 2, 3].map((n) => writer.append(decision(n))))
        if (count === 4) seen.resolve()
      },
    }
    const flags = { root: followed.root, lines: 10, follow: true, json: true }
    const following = tail(flags, watched, stop.signal)
    await seen.promise
    stop.abort()
    await following
    await writer.close()
    expect(
      ran()
        .stdout.trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).index),
    ).toEqual([0, 1, 2, 3])
  })
})

describe('a stored log', () => {
  it('has another mark when a record was added, and the same until then', async () => {
    const marked = createEvidencePlace()
    const { log: writer } = await openAt(marked, { location: { root: marked.root } })
    const [stored] = await findLogs({ root: marked.root }, captureIo({ env: ENV }).io)
    const marks = [await stored?.mark()]
    for (let n = 0; n < 2; n++) {
      await writer.append(decision(n))
      marks.push(await stored?.mark())
      expect(await stored?.mark()).toBe(marks.at(-1))
    }
    await writer.close()
    expect(new Set(marks).size).toBe(3)
  })
})

describe('evidence anchor', () => {
  it('prints the newest checkpoint of each log', async () => {
    const { stdout, code } = await run(['anchor', ...atRoot])
    expect(code).toBe(0)
    expect(stdout.startsWith(`${log.origin}\n4\n`)).toBe(true)
  })

  it('saves, and accepts a log that goes on', async () => {
    const grown = createEvidencePlace()
    const folder = join(grown.folder, 'anchors')
    await writeLog(grown, [decision(0)])
    const save = () => run(['anchor', '--root', grown.root, '--save', folder, '--json'])
    expect((await save()).json().logs).toMatchObject([{ size: 1 }])
    await writeLog(grown, [decision(1), decision(2)])
    expect((await save()).json().logs).toMatchObject([{ size: 3, extends: 1 }])
    expect((await save()).json().logs).toMatchObject([{ size: 3, extends: 3 }])
    const verified = await run(['verify', '--root', grown.root, '--anchors', folder])
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('extends the saved checkpoint')])
  })

  it('refuses an older copy that was put back, keeps the newer checkpoint, and verify refuses too', async () => {
    const rolled = createEvidencePlace()
    const folder = join(rolled.folder, 'anchors')
    const { id } = await writeLog(rolled, [decision(0)])
    const older = join(rolled.folder, 'older')
    cpSync(rolled.root, older, { recursive: true })
    await writeLog(rolled, [decision(1)])
    await run(['anchor', '--root', rolled.root, '--save', folder])
    const saved = readFileSync(join(folder, `${id}.checkpoint`), 'utf8')
    const ran = await run(['anchor', '--root', older, '--save', folder, '--json'])
    expect([ran.code, ran.json().code]).toEqual([3, 'JOURNAL_ROLLED_BACK'])
    expect(readFileSync(join(folder, `${id}.checkpoint`), 'utf8')).toBe(saved)
    expect((await run(['verify', '--root', older])).code).toBe(0)
    expect((await run(['verify', '--root', older, '--anchors', folder])).code).toBe(3)
  })

  it('refuses when a log is gone, unless only another one was asked for', async () => {
    const gone = createEvidencePlace()
    const folder = join(gone.folder, 'anchors')
    const { directory, id } = await writeLog(gone, [decision(0)])
    const save = () => run(['anchor', '--root', gone.root, '--save', folder])
    await save()
    rmSync(directory, { recursive: true })
    const ran = await save()
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining(`${id}.checkpoint`)])
    // A new log does not stand for the one that is gone.
    const other = createEvidencePlace()
    const { origin } = await writeLog(other, [decision(5)])
    const beside = ['anchor', '--root', other.root, '--save', folder]
    expect((await run(beside)).code).toBe(3)
    expect(readdirSync(folder)).toEqual([`${id}.checkpoint`])
    const unknown = await run([...beside, '--log', 'evidence.example/unknown'])
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('evidence.example/unknown')])
    expect((await run([...beside, '--log', origin])).code).toBe(0)
  })

  it('accepts the checkpoint of a log that was still empty, whether it is or not', async () => {
    const young = createEvidencePlace()
    const folder = join(young.folder, 'anchors')
    const { directory, id } = await writeLog(young)
    mkdirSync(folder)
    const file = join(folder, `${id}.checkpoint`)
    cpSync(join(directory, 'checkpoint'), file)
    const save = () => run(['anchor', '--root', young.root, '--save', folder, '--json'])
    expect((await save()).json().logs).toMatchObject([{ size: 0, extends: 0 }])
    await writeLog(young, [decision(0)])
    expect((await save()).json().logs).toMatchObject([{ size: 1, extends: 0 }])
  })

  it('refuses a folder that it cannot read', async () => {
    const file = join(place.folder, 'no-folder')
    writeFileSync(file, '')
    const ran = await run(['anchor', ...atRoot, '--save', file])
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining(`${file} cannot be read`)])
  })

  it('refuses a saved checkpoint that the log did not sign', async () => {
    const folder = join(place.folder, 'forged')
    await run(['anchor', ...atRoot, '--save', folder])
    const file = join(folder, `${log.id}.checkpoint`)
    writeFileSync(file, readFileSync(file, 'utf8').replace('\n4\n', '\n3\n'))
    expect((await run(['anchor', ...atRoot, '--save', folder])).code).toBe(3)
  })
})

describe('evidence stats', () => {
  it('counts what is there', async () => {
    const { logs } = (await run(['stats', ...atRoot, '--json'])).json()
    expect(logs).toMatchObject([
      {
        ...{ origin: log.origin, vkey: log.vkey, directory: log.directory, records: 4, other: 0 },
        bytes: records.reduce((sum, { length }) => sum + length, 0),
        decisions: { ALLOW: 2, DENY: 1 },
        outcomes: { ok: 1, error: 0 },
        denyReasons: { TOOL_NOT_ALLOWED: 1 },
        tools: { read_file: 1, drop_table: 1, [HOSTILE]: 1 },
        principals: { anonymous: 1, 'apikey:ci': 1, 'did:web:registry.example:agents:worker-1': 1 },
        first: '2026-05-06T10:00:00.000Z',
        last: '2026-05-07T10:00:00.000Z',
      },
    ])
    const { stdout } = await run(['stats', ...atRoot])
    expect(stdout).toContain('denied    1: TOOL_NOT_ALLOWED 1')
    expect(stdout).not.toMatch(/[\u001b\u202e]/)
  })
})

it('entries that are no records are shown as bytes and searched in vain', async () => {
  const odd = createEvidencePlace()
  await writeLog(odd, [Uint8Array.of(0xff, 0x0a), encodeOutcomeRecord({ ...oddOutcome(), id: '' })])
  expect((await run(['query', '--root', odd.root, '--json'])).json().records[1]?.record).toEqual({
    'io.capisc.unreadable': '/wo=',
  })
  const { stdout } = await run(['export', '--root', odd.root])
  expect(stdout.split('\n')[0]).toBe('{"io.capisc.unreadable":"/wo="}')
  // A record without an id, such as the log's own about its keys, is a record.
  expect(stdout.split('\n')[1]).toMatch(/^\{"capiscio\.agent\.did":.*"id":"",/)
  expect((await run(['stats', '--root', odd.root, '--json'])).json().logs[0]).toMatchObject({ other: 1 })
})

function oddOutcome(): Omit<OutcomeRecord, 'id'> {
  return {
    ...{ atMs: START_MS, decisionId: idOf(0), agentDid: '', target: 't', result: 'error', durationMs: 0 },
    coreVersion: '1',
  }
}

/** Changes one byte of the first file of a log that holds the text. */
function flipIn(root: string, text: string): void {
  for (const entry of readdirSync(join(root, 'logs', log.id), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || entry.name === 'lock') continue
    const bytes = readFileSync(path)
    const at = bytes.indexOf(text)
    if (at < 0) continue
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    writeFileSync(path, bytes)
  }
}

/** A verifier key of this name that the log does not have. */
async function otherKeyOf(name: string): Promise<string> {
  const { createLogSigner } = await import('../../fakes/log-signer.ts')
  const { createVerifierKey, formatVerifierKey } = await import('../../../core/src/domain/evidence/verifier-key.ts')
  return formatVerifierKey(createVerifierKey(name, createLogSigner('42'.repeat(32)).publicKey))
}

it.each([
  ['a byte order mark before JSON', '\ufeff{"id":"x"}'],
  ['JSON on two lines', '{"id":\n"x"}'],
  ['JSON with a carriage return', '{"id":\r"x"}'],
  ['JSON that is no object', '["x"]'],
])('%s is exported as its bytes', async (_, text) => {
  const odd = createEvidencePlace()
  const leaf = new TextEncoder().encode(text)
  await writeLog(odd, [leaf])
  const { stdout } = await run(['export', '--root', odd.root])
  expect(stdout).toBe(`{"io.capisc.unreadable":"${Buffer.from(leaf).toString('base64')}"}\n`)
})
