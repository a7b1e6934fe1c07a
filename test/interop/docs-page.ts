import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const PAGES = join(import.meta.dirname, '..', '..', 'docs', 'clients')

/** The fenced blocks of a page under `docs/clients`, in order, so that tests run what readers copy. */
export function codeBlocks(page: string, language: string): readonly [string, ...string[]] {
  const text = readFileSync(join(PAGES, page), 'utf8')
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, written]) => written === language)
    .map(([, , code = '']) => code)
  const [first, ...others] = blocks
  if (first === undefined) throw new Error(`docs/clients/${page} has no ${language} block`)
  return [first, ...others]
}
