import { closeSync, openSync, rmSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { IndexedEntry, IndexFilter, IndexPosition } from '../../ports/evidence-index.ts'
import { errorCode } from '../evidence/error-code.ts'

/** Changes with the tables; an index of another version is made anew. */
const FORMAT_VERSION = 1

const TABLES = `
  CREATE TABLE position (one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL, size INTEGER NOT NULL, last_leaf TEXT NOT NULL) STRICT;
  CREATE TABLE entry (
    idx INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, tool TEXT NOT NULL, principal TEXT NOT NULL,
    decision TEXT NOT NULL, decision_id TEXT NOT NULL, at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX entry_id ON entry (id);
  CREATE INDEX entry_tool ON entry (tool, idx);
  CREATE INDEX entry_principal ON entry (principal, idx);
  CREATE INDEX entry_decision ON entry (decision, idx);
  CREATE INDEX entry_decision_id ON entry (decision_id, idx) WHERE decision_id <> '';
  CREATE INDEX entry_time ON entry (at_ms);
  PRAGMA user_version = ${FORMAT_VERSION};
`

/** The index as an SQLite file. Calls block: it belongs into a thread of its own. */
export interface SqliteIndex {
  position(): IndexPosition | undefined
  reset(origin: string, size: number): void
  add(entries: readonly IndexedEntry[], lastLeaf: string): void
  find(id: string): number[]
  search(filter: IndexFilter, before: number, limit: number): number[]
  close(): void
}

/**
 * Opens the index in a file (0600), which is made when it is missing. Nothing in it needs
 * to survive a power cut: what is lost is read from the log again.
 *
 * @param path absolute; its folder exists
 */
export function openSqliteIndex(path: string): SqliteIndex {
  let database: DatabaseSync | undefined

  /** Opened at the first use, so that a damaged file is a failed call, which `reset` answers. */
  function open(): DatabaseSync {
    if (database !== undefined) return database
    createPrivately(path)
    const opened = new DatabaseSync(path)
    try {
      // Without syncs a crash of the machine may lose the file's newest state, or damage it:
      // then it is made anew. A crash of the process loses whole transactions at most.
      opened.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = 1000')
      const version = opened.prepare('PRAGMA user_version').get()?.['user_version']
      if (version === 0 && opened.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0) {
        opened.exec(`BEGIN; ${TABLES} COMMIT`)
      } else if (version !== FORMAT_VERSION) {
        throw new Error(`The index ${path} has another format and is made anew.`)
      } else if (opened.prepare('PRAGMA quick_check(1)').get()?.['quick_check'] !== 'ok') {
        throw new Error(`The index ${path} is damaged and is made anew.`)
      }
    } catch (error) {
      opened.close()
      throw error
    }
    database = opened
    return opened
  }

  function inTransaction(step: (database: DatabaseSync) => void): void {
    const opened = open()
    opened.exec('BEGIN IMMEDIATE')
    try {
      step(opened)
      opened.exec('COMMIT')
    } catch (error) {
      if (opened.isTransaction) opened.exec('ROLLBACK')
      throw error
    }
  }

  function position(): IndexPosition | undefined {
    const row = open().prepare('SELECT origin, size, last_leaf FROM position').get()
    if (row === undefined) return undefined
    return { origin: String(row['origin']), size: Number(row['size']), lastLeaf: String(row['last_leaf']) }
  }

  return {
    position,

    reset(origin, size) {
      database?.close()
      database = undefined
      for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
      inTransaction((opened) => {
        opened.prepare("INSERT INTO position (one, origin, size, last_leaf) VALUES (1, ?, ?, '')").run(origin, size)
      })
    },

    add(entries, lastLeaf) {
      inTransaction((opened) => {
        const size = position()?.size
        const insert = opened.prepare('INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
        for (const [i, { index, id, kind, tool, principal, decision, decisionId, atMs }] of entries.entries()) {
          if (size === undefined || index !== size + i) {
            throw new Error(`The index holds ${size ?? 'no'} entries and cannot take entry ${index}.`)
          }
          insert.run(index, id, kind, tool, principal, decision, decisionId, atMs)
        }
        opened.prepare('UPDATE position SET size = size + ?, last_leaf = ?').run(entries.length, lastLeaf)
      })
    },

    find: (id) => indices(open().prepare('SELECT idx FROM entry WHERE id = ? ORDER BY idx').all(id)),

    search(filter, before, limit) {
      const [conditions, values] = toSql(filter)
      const where = ['idx < ?', ...conditions].join(' AND ')
      const statement = open().prepare(`SELECT idx FROM entry WHERE ${where} ORDER BY idx DESC LIMIT ?`)
      return indices(statement.all(before, ...values, limit))
    },

    close() {
      database?.close()
      database = undefined
    },
  }
}

function toSql(filter: IndexFilter): [conditions: string[], values: SQLInputValue[]] {
  const { kind, tool, principal, decision, decisionId, sinceMs, untilMs } = filter
  const parts: readonly (readonly [condition: string, value: string | number | undefined])[] = [
    ['kind = ?', kind],
    ['tool = ?', tool],
    ['principal = ?', principal],
    ['decision = ?', decision],
    // Repeats the condition of the partial index, which is only used then.
    ["decision_id = ? AND decision_id <> ''", decisionId],
    ['at_ms >= ?', sinceMs],
    ['at_ms < ?', untilMs],
  ]
  const conditions: string[] = []
  const values: SQLInputValue[] = []
  for (const [condition, value] of parts) {
    if (value === undefined) continue
    conditions.push(condition)
    values.push(value)
  }
  return [conditions, values]
}

function indices(rows: readonly Record<string, unknown>[]): number[] {
  return rows.map((row) => Number(row['idx']))
}

/** SQLite would create the file readable for everybody. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}
