import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, it } from 'vitest'

const LOGGER = join(import.meta.dirname, '../../../../core/dist/adapters/telemetry/logger.js')

/** What a logger writes to standard error, which has to be that of a process. */
function written(readable: boolean, ...entries: readonly [fields: object, sentence?: string][]): string {
  const program = `
    import { createLogger } from ${JSON.stringify(LOGGER)}
    const logger = createLogger({ level: 'info', pretty: ${readable} })
    for (const entry of ${JSON.stringify(entries)}) logger.info(...entry)`
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stderr
}

it('names the event on a terminal, with its sentence where there is one', () => {
  const shown = written(true, [{ event: 'stopped', size: 7 }], [{ event: 'warning', code: 'TLS_FILES' }, 'Mend it.'])
  const lines = stripVTControlCharacters(shown).trimEnd().split('\n')
  expect(lines.map((line) => line.replace(/^\[.*?\] /, ''))).toEqual([
    'INFO: stopped',
    '    size: 7',
    'INFO: warning: Mend it.',
    '    code: "TLS_FILES"',
  ])
})

it.each([false, true])('lets no text end its line or steer a terminal (readable: %s)', (readable) => {
  const tool = 'a\u001b[31mb\nc\u0000d'
  expect(written(readable, [{ event: 'decided', tool }])).toContain(JSON.stringify(tool))
})
