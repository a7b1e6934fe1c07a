import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoreService, EvidenceService } from '@capiscio/proto/core/v1'
import { type CoreProcess, startDevCore } from '../tools/core-process.ts'
import { createRawClient } from '../tools/raw-client.ts'

/** A core whose log is published, as an auditor meets it. */
export interface AuditWorld extends AsyncDisposable {
  readonly core: CoreProcess
  /** Last part of the log's origin. */
  readonly log: string
  /** Of the log on the web listener. */
  readonly url: string
  /** Folder of the log. */
  readonly directory: string
  readonly vkey: string
  /** Evidence ids of all records. */
  readonly ids: readonly string[]
}

/** @param size entries in the log */
export async function startAuditWorld(size: number): Promise<AuditWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-audit-'))
  const first = await startDevCore(folder)
  const ids: string[] = []
  {
    using client = createRawClient(first.address)
    for (let asked = 0; asked < size; asked += 100) {
      const ask = async () => {
        const { decision } = await client.call(CoreService.method.evaluateToolAccess, { toolName: 'list_files' })
        ids.push(decision?.evidenceId ?? '')
      }
      await Promise.all(Array.from({ length: Math.min(100, size - asked) }, ask))
    }
  }
  // Everything is published at a graceful stop.
  await first.stop()
  const core = await startDevCore(folder)
  using client = createRawClient(core.address)
  const { vkey } = await client.call(EvidenceService.method.getCheckpoint, {})
  const logs = join(folder, 'evidence', 'logs')
  const [log = ''] = readdirSync(logs)
  return {
    ...{ core, log, vkey, ids },
    url: `${core.http}/evidence/${log}/`,
    directory: join(logs, log),
    async [Symbol.asyncDispose]() {
      await core.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
