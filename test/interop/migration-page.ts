import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'migrating-from-python.md')

/** One row: a Python name, and the TypeScript names in its place. */
export interface MigrationRow {
  readonly python: string
  /** As written, such as `ServerIdentity.connect`. */
  readonly counterparts: readonly string[]
  /** Whether anything takes its place. */
  readonly isOffered: boolean
  /** Package that the counterparts are from. */
  readonly from: string
}

/** A program of the page: its first line names its file. */
export interface MigrationProgram {
  readonly file: string
  readonly text: string
  /** What it prints; undefined for files that another program runs. */
  readonly output: string | undefined
}

export interface MigrationSection {
  readonly title: string
  readonly rows: readonly MigrationRow[]
  readonly programs: readonly MigrationProgram[]
}

/** The page, taken apart at its second-level headings. */
export function migrationSections(): readonly MigrationSection[] {
  const [, ...parts] = readFileSync(PAGE, 'utf8').split(/^## /m)
  return parts.map((part) => ({
    title: part.slice(0, part.indexOf('\n')),
    rows: rowsOf(part),
    programs: programsOf(part),
  }))
}

function rowsOf(part: string): MigrationRow[] {
  return [...part.matchAll(/^\| (?!Python )(.+?) \| (.+?) \| (.+) \|$/gm)].map(([, python = '', typescript = '']) => {
    const quoted = [...typescript.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
    const from = quoted.find((name) => name.startsWith('@')) ?? '@capiscio/mcp'
    const isOffered = typescript !== 'none'
    return { python: python.replaceAll('`', ''), isOffered, counterparts: quoted.filter((name) => name !== from), from }
  })
}

function programsOf(part: string): MigrationProgram[] {
  const blocks = [...part.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }))
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'ts') return []
    const file = /^\/\/ (\S+\.ts)\n/.exec(text)?.[1]
    if (file === undefined) throw new Error(`A program of the page does not name its file: ${text.slice(0, 60)}`)
    const next = blocks[index + 1]
    return [{ file, text, output: next?.language === 'text' ? next.text : undefined }]
  })
}
