// A process for fault tests: opens an evidence log, says `open`, obeys lines on standard
// input, says `stored INDEX NAME` for every answer. Refusals end it with exit code 3.
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { openAt } from './evidence-place.ts'

const [placeJson = '{}', ...options] = process.argv.slice(2)
const place = JSON.parse(placeJson)
const say = (line: string) => writeSync(1, `${line}\n`)

for (const option of options) {
  const [name, value] = option.split('=')
  if (name === 'umask') process.umask(Number.parseInt(value ?? '', 8))
  if (name === 'uid') process.setuid?.(Number(value))
}
const location = options.includes('root') ? { root: place.root } : { directory: place.directory }

const { log, directory } = await openAt(place, { location }).catch((error: Error & { code?: string }) => {
  say(`refused ${error.name} ${error.code} ${error.message}`)
  process.exit(3)
})
say(`open ${log.size} ${directory}`)

async function store(name: string): Promise<void> {
  try {
    const { index } = await log.append(new TextEncoder().encode(`{"name":"${name}"}`))
    say(`stored ${index} ${name}`)
  } catch (error) {
    say(`denied ${error instanceof Error ? error.name : error} ${name}`)
  }
}

/** Keeps `callers` entries under way until the process is killed. */
async function load(callers: number): Promise<void> {
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let n = 0; log.state() === 'open'; n++) await store(`${process.pid}-${caller}-${n}`)
    }),
  )
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument = ''] = line.split(' ')
  if (command === 'store') void store(argument)
  if (command === 'load') void load(Number(argument))
  if (command === 'state') say(`state ${log.state()}`)
  if (command === 'close') {
    await log.close()
    say('closed')
    process.exit(0)
  }
}
