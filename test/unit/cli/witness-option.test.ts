import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { addEvidenceCommand } from '../../../core/src/cli/evidence/evidence.ts'
import { createWitness } from '../../fakes/witness.ts'
import { createEvidencePlace, type EvidencePlace, openAt, removeEvidencePlaces } from '../../tools/evidence-place.ts'
import { runCommand } from '../../tools/run-command.ts'
import { decision, idOf } from '../domain/evidence/test-records.ts'
import { example } from '../domain/evidence/worked-example.ts'

const TIME = 1_700_000_000
const first = createWitness('witness.example/w1', example.witness.seed)
/** Another name for the same opinion. */
const alias = createWitness('witness.example/alias', example.witness.seed)
const second = createWitness('witness.example/w2', '55'.repeat(32))

afterAll(removeEvidencePlaces)

let place: EvidencePlace
let id: string
let origin: string
let vkey: string
beforeEach(async () => {
  place = createEvidencePlace()
  const { log, directory } = await openAt(place, { location: { root: place.root } })
  for (const record of [decision(0), decision(1)]) await log.append(record)
  await log.close()
  ;({ origin, vkey } = log)
  id = basename(directory)
})

const run = (...args: readonly string[]) =>
  runCommand(addEvidenceCommand, ['evidence', ...args, '--json'], { env: { HOME: '/nowhere' } })
const people = (...args: readonly string[]) =>
  runCommand(addEvidenceCommand, ['evidence', ...args], { env: { HOME: '/nowhere' } })

it('a witness of these tests signs as the specification says', () => {
  const [, , checkpoint] = example.checkpoints
  expect(first.vkey).toBe(example.witness.vkey)
  expect(first.cosign(checkpoint?.note ?? '', TIME)).toBe(`${checkpoint?.note}${example.witness.line}`)
})

describe('evidence verify-receipt --witness', () => {
  let args: string[]
  beforeEach(async () => {
    const out = join(place.folder, 'proof')
    await run('prove', idOf(1), '--root', place.root, '--out', out)
    args = [
      'verify-receipt',
      join(out, `${idOf(1)}.tlog-proof`),
      '--leaf',
      join(out, `${idOf(1)}.json`),
      '--vkey',
      vkey,
    ]
  })
  /** The receipt as a witness gives it back. */
  function cosign(witness: typeof first, time = TIME): void {
    const [, file = ''] = args
    writeFileSync(file, cosignedReceipt(readFileSync(file, 'utf8'), witness, time))
  }
  function cosignedReceipt(receipt: string, witness: typeof first, time: number): string {
    const at = receipt.indexOf('\n\n') + 2
    return receipt.slice(0, at) + witness.cosign(receipt.slice(at), time)
  }

  it('is met by a receipt that every named witness cosigned, and tells when', async () => {
    cosign(first)
    cosign(second, TIME + 1)
    const both = ['--witness', first.vkey, '--witness', second.vkey]
    const ran = await run(...args, ...both)
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      {
        ok: true,
        cosignatures: [
          { witness: 'witness.example/w1', time: TIME },
          { witness: 'witness.example/w2', time: TIME + 1 },
        ],
      },
    ])
    const { stdout } = await people(...args, ...both)
    expect(stdout).toContain('by witness.example/w1, which says at 2023-11-14T22:13:20.000Z')
    expect(stdout).toContain(
      'not proven  that what it says happened, or what is shown to those who demand other witnesses',
    )
  })

  it('is not met where one is missing, although the log signed', async () => {
    cosign(first)
    expect(await run(...args)).toMatchObject({ code: 0 })
    const ran = await run(...args, '--witness', first.vkey, '--witness', second.vkey)
    expect([ran.code, ran.json()]).toMatchObject([
      3,
      { ok: false, code: 'CHECKPOINT_NOT_COSIGNED', message: expect.stringContaining('witness.example/w2') },
    ])
  })

  it('is not met by another key of the same name, or by a line of another checkpoint', async () => {
    cosign(createWitness('witness.example/w1', '66'.repeat(32)))
    expect((await run(...args, '--witness', first.vkey)).json()).toMatchObject({ code: 'CHECKPOINT_NOT_COSIGNED' })
    const [, file = ''] = args
    writeFileSync(file, readFileSync(file, 'utf8') + example.witness.line)
    expect((await run(...args, '--witness', first.vkey)).json()).toMatchObject({ code: 'NOTE_SIGNATURE_INVALID' })
  })

  it('takes keys from a file, and shows a time that no calendar has', async () => {
    cosign(first, Number.MAX_SAFE_INTEGER)
    const file = join(place.folder, 'witnesses')
    writeFileSync(file, `# whom we trust\n${first.vkey}\n`)
    const ran = await people(...args, '--witness', file)
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('9007199254740991 seconds after 1970')])
  })

  it.each<[string, () => string[], number, string]>([
    ['the key of a log', () => [vkey], 3, 'VKEY_MALFORMED'],
    ['the same witness twice', () => [first.vkey, first.vkey], 1, 'COMMAND_REFUSED'],
    ['an empty file', () => [emptyFile()], 1, 'COMMAND_REFUSED'],
    ['a file that is not there', () => [join(place.folder, 'w1.vkey')], 1, 'COMMAND_REFUSED'],
    ['a folder', () => [place.folder], 1, 'COMMAND_REFUSED'],
    ['nothing', () => [''], 1, 'COMMAND_REFUSED'],
    ['what is no key', () => ['nonsense'], 3, 'VKEY_MALFORMED'],
    ['one key under two names', () => [first.vkey, alias.vkey], 3, 'WITNESS_NOT_INDEPENDENT'],
  ])('refuses %s', async (_, witnesses, code, name) => {
    const ran = await run(...args, ...witnesses().flatMap((witness) => ['--witness', witness]))
    expect([ran.code, ran.json()]).toMatchObject([code, { code: name }])
  })
  function emptyFile(): string {
    const file = join(place.folder, 'empty')
    writeFileSync(file, '\n')
    return file
  }
})

describe('evidence verify --anchors --witness', () => {
  let anchors: string
  let args: string[]
  beforeEach(async () => {
    anchors = join(place.folder, 'anchors')
    args = ['verify', '--root', place.root, '--anchors', anchors, '--witness', first.vkey]
    await run('anchor', '--root', place.root, '--save', anchors)
  })
  const saved = () => join(anchors, `${id}.checkpoint`)

  it('is met when what was saved is cosigned', async () => {
    writeFileSync(saved(), first.cosign(readFileSync(saved(), 'utf8'), TIME))
    const ran = await run(...args)
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      { ok: true, logs: [{ log: origin, anchored: true, cosignedBy: ['witness.example/w1'] }] },
    ])
    expect((await people(...args)).stdout).toContain('extends the saved checkpoint, cosigned by witness.example/w1')
    expect((await run(...args, '--vkey', vkey)).code).toBe(0)
  })

  it('is not met when it is not cosigned, or nothing was saved, and the log is named', async () => {
    const ran = await run(...args)
    expect([ran.code, ran.json()]).toMatchObject([
      3,
      { ok: false, logs: [{ log: origin, ok: false, findings: [{ code: 'CHECKPOINT_NOT_COSIGNED', file: saved() }] }] },
    ])
    expect((await people(...args)).stdout).toContain('CHECKPOINT_NOT_COSIGNED')
    const empty = join(place.folder, 'empty')
    mkdirSync(empty)
    const none = await run('verify', '--root', place.root, '--anchors', empty, '--witness', first.vkey)
    expect([none.code, none.json()]).toMatchObject([3, { logs: [{ findings: [{ code: 'CHECKPOINT_NOT_COSIGNED' }] }] }])
  })

  it('keeps no verdict on one log from another', async () => {
    const other = createEvidencePlace()
    const { log, directory } = await openAt(other, { location: { root: other.root } })
    await log.append(decision(2))
    await log.close()
    cpSync(directory, join(place.root, 'logs', basename(directory)), { recursive: true })
    writeFileSync(saved(), first.cosign(readFileSync(saved(), 'utf8'), TIME))
    const ran = await run(...args)
    const verdicts = (ran.json()['logs'] as { log: string; ok: boolean }[]).map((one) => [one.log, one.ok])
    expect([ran.code, Object.fromEntries(verdicts)]).toEqual([3, { [origin]: true, [log.origin]: false }])
  })

  it('is not met by a line that does not verify', async () => {
    writeFileSync(saved(), `${readFileSync(saved(), 'utf8')}${example.witness.line}`)
    const ran = await run(...args)
    expect([ran.code, ran.json()]).toMatchObject([3, { logs: [{ findings: [{ code: 'NOTE_SIGNATURE_INVALID' }] }] }])
  })

  it('is still met after the log was saved again and had not grown, and no longer when it had', async () => {
    const cosigned = first.cosign(readFileSync(saved(), 'utf8'), TIME)
    writeFileSync(saved(), cosigned)
    expect((await run('anchor', '--root', place.root, '--save', anchors)).code).toBe(0)
    expect(readFileSync(saved(), 'utf8')).toBe(cosigned)
    const { log } = await openAt(place, { location: { root: place.root } })
    await log.append(decision(3))
    await log.close()
    expect((await run(...args)).code).toBe(0)
    expect((await run('anchor', '--root', place.root, '--save', anchors)).code).toBe(0)
    expect((await run(...args)).code).toBe(3)
  })

  it('asks for --anchors', async () => {
    const ran = await people('verify', '--root', place.root, '--witness', first.vkey)
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('--witness needs --anchors')])
  })
})
