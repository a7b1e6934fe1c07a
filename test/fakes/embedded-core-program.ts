// A program with the command line of `capiscio rpc --socket PATH`, for tests of what starts it.
// FAKE_CORE tells how it behaves; FAKE_CORE_JOURNAL is a file where it writes what happens to it.
import { appendFileSync } from 'node:fs'
import { allow, startScriptedCore } from './scripted-core.ts'

const [command, flag, socketPath] = process.argv.slice(2)
if (command !== 'rpc' || flag !== '--socket' || socketPath === undefined) {
  console.error('usage: rpc --socket PATH')
  process.exit(2)
}

const behaviour = process.env.FAKE_CORE ?? 'honest'
const journal = process.env.FAKE_CORE_JOURNAL

function note(event: string): void {
  if (journal !== undefined) appendFileSync(journal, `${event} ${process.pid} ${socketPath}\n`)
}

note('started')

if (behaviour === 'fails') {
  console.error(`cannot read the policy file; the key is ${process.env.CAPISCIO_API_KEY}`)
  process.exit(3)
}

if (behaviour === 'talkative') {
  // More than any pipe holds: without a reader this never ends.
  for (let line = 0; line < 2_000; line += 1) console.error(`${line} ${'x'.repeat(1_000)}`)
}

if (behaviour !== 'silent') {
  const core = await startScriptedCore(allow, { socketPath })
  core.script = async (request) => {
    if (request.toolName === 'crash') process.exit(70)
    if (request.toolName === 'slow') await new Promise((resolve) => setTimeout(resolve, 300))
    return allow(request, { principal: `pid:${process.pid}` })
  }
  if (behaviour === 'not-ready') core.info = { ...core.info, ready: false }
}

function end(event: string): void {
  note(event)
  process.exit(0)
}

process.on('SIGTERM', () => end('terminated'))
if (process.env.CAPISCIO_EXIT_WITH_STDIN === '1') process.stdin.on('end', () => end('orphaned')).resume()
setInterval(() => {}, 60_000)
