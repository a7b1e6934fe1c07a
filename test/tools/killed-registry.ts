// Runs a registry that is killed, as a power cut kills, at one step of the first change that it
// is asked for. Arguments: folder of the registry, step.

import { join } from 'node:path'
import pino from 'pino'
import { openSqliteStore } from '../../core/src/adapters/registry/sqlite-store.ts'
import { decideRegistry } from '../../core/src/config/decide-registry.ts'
import type { RegistryStore } from '../../core/src/ports/registry-store.ts'
import { startRegistry } from '../../core/src/registry.ts'
import { createFixedClock } from '../fakes/fixed-clock.ts'
import { START_MS } from '../fakes/registry-world.ts'

const [, , folder = '', step = ''] = process.argv

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

function killing(store: RegistryStore): RegistryStore {
  let asked = false
  /** Dies before or after the change that a request asks for. */
  async function change<T>(work: () => Promise<T>): Promise<T> {
    asked = true
    if (step === 'before-commit') return die()
    const outcome = await work()
    return step === 'after-commit' ? die() : outcome
  }
  return {
    ...store,
    recordBadge: (...args) => change(() => store.recordBadge(...args)),
    consumeChallenge: (...args) => change(() => store.consumeChallenge(...args)),
    changeSubject: (...args) => change(() => store.changeSubject(...args)),
    async pendingAudit(limit) {
      const entries = await store.pendingAudit(limit)
      return asked && step === 'before-log' ? die() : entries
    },
    async markAudited(sequence) {
      // The log has it; the database does not know.
      if (asked && step === 'after-log') return die()
      await store.markAudited(sequence)
      if (asked && step === 'before-answer') return die()
    },
  }
}

const flags = { data: join(folder, 'data'), listen: '127.0.0.1:0' }
const { config } = decideRegistry({ flags, env: {}, cwd: folder })
const { url } = await startRegistry(config, pino({ level: 'silent' }), {
  openStore: (file) => killing(openSqliteStore(file)),
  clock: createFixedClock(START_MS),
})
process.stdout.write(`${url}\n`)
