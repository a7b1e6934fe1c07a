import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { createThreadedIndex } from '../../core/src/adapters/evidence-index/threaded-index.ts'
import { createMemoryEvidenceIndex, type MemoryIndexState } from '../fakes/memory-evidence-index.ts'
import { describeEvidenceIndex } from './evidence-index.contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'capiscio-index-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let made = 0
const newPath = (): string => join(folder, `${made++}.sqlite`)

describeEvidenceIndex('memory', async () => {
  const state: MemoryIndexState = { position: undefined, entries: [] }
  return { open: () => createMemoryEvidenceIndex(state) }
})

describeEvidenceIndex('an SQLite file', async () => {
  const path = newPath()
  return { open: () => createThreadedIndex(path) }
})

describe('the SQLite file of an evidence index', () => {
  const entry = {
    ...{ index: 0, id: 'id-0', kind: 'decision', tool: 't', principal: '', decision: 'ALLOW', decisionId: '' },
    atMs: 1,
  }
  const filled = async (): Promise<string> => {
    const path = newPath()
    const index = createThreadedIndex(path)
    await index.reset('log.example/1', 0)
    await index.add([entry], 'last')
    await index.close()
    return path
  }

  it('can be read by its owner only, from its first moment', async () => {
    const umask = process.umask(0)
    try {
      const path = newPath()
      const index = createThreadedIndex(path)
      await index.reset('log.example/1', 0)
      const files = [path, `${path}-wal`, `${path}-shm`].filter(existsSync)
      expect(files.map((file) => (statSync(file).mode & 0o777).toString(8))).toEqual(['600', '600', '600'])
      await index.close()
    } finally {
      process.umask(umask)
    }
  })

  it.each([
    ['text', (path: string) => writeFileSync(path, 'not a database, but longer than the header of one '.repeat(40))],
    ['cut short', (path: string) => truncateSync(path, 4_096)],
    ['of a later format', (path: string) => withDatabase(path, 'PRAGMA user_version = 2')],
    ['without its tables', (path: string) => withDatabase(path, 'DROP TABLE entry')],
  ])('that is %s fails, and works after a reset', async (_what, damage) => {
    const path = await filled()
    damage(path)
    const index = createThreadedIndex(path)
    await expect(index.position().then(() => index.find('id-0'))).rejects.toThrow()
    await index.reset('log.example/1', 0)
    await index.add([entry], 'last')
    expect(await index.find('id-0')).toEqual([0])
    await index.close()
  })

  it('with damage in a part that nothing asked for yet fails at once', async () => {
    const path = newPath()
    const index = createThreadedIndex(path)
    await index.reset('log.example/1', 0)
    await index.add(
      Array.from({ length: 500 }, (_, i) => ({ ...entry, index: i, id: `id-${i}`, tool: `tool-${i}` })),
      'last',
    )
    await index.close()
    const bytes = readFileSync(path)
    bytes.fill(0x5a, bytes.indexOf('tool-499'), bytes.length)
    writeFileSync(path, bytes)
    const again = createThreadedIndex(path)
    await expect(again.position()).rejects.toThrow('damaged')
    await again.close()
  })

  it('in a folder that is gone rejects and says so again', async () => {
    const index = createThreadedIndex(join(folder, 'gone', 'x.sqlite'))
    await expect(index.position()).rejects.toThrow(/ENOENT/)
    await expect(index.reset('log.example/1', 0)).rejects.toThrow(/ENOENT/)
    await index.close()
  })

  function withDatabase(path: string, sql: string): void {
    const database = new DatabaseSync(path)
    database.exec(sql)
    database.close()
  }
})
