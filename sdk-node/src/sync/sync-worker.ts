import { fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  EvaluateToolAccessRequestSchema,
  EvaluateToolAccessResponseSchema,
  RecordOutcomeRequestSchema,
  VerifyServerRequestSchema,
  VerifyServerResponseSchema,
} from '@capiscio/proto/core/v1'
import { runAsWorker } from 'synckit'
import type { CoreClient } from '../client.ts'
import { createCoreClient } from '../core-client.ts'
import { registerServerIdentity } from '../registry/register-server-identity.ts'
import { setupServerIdentity } from '../registry/setup-server-identity.ts'
import { packError } from './pack-error.ts'
import type { CoreJob, SyncAnswer, SyncCore, SyncJob } from './sync-job.ts'

/** Cores that were asked before, by what was said of them. */
const clients = new Map<string, CoreClient>()

runAsWorker(async (job: SyncJob): Promise<SyncAnswer> => {
  try {
    return { ok: true, value: await run(job) }
  } catch (error) {
    return { ok: false, error: packError(error) }
  }
})

function run(job: SyncJob): Promise<unknown> {
  switch (job.kind) {
    case 'register':
      return registerServerIdentity(job.options)
    case 'setup':
      return setupServerIdentity(job.options)
    default:
      return askCore(job)
  }
}

async function askCore({ kind, core, request, timeoutMs }: CoreJob): Promise<Uint8Array> {
  const client = clientOf(core)
  switch (kind) {
    case 'evaluateToolAccess': {
      const answer = await client.evaluateToolAccess(fromBinary(EvaluateToolAccessRequestSchema, request), {
        timeoutMs,
      })
      return toBinary(EvaluateToolAccessResponseSchema, answer)
    }
    case 'verifyServer': {
      const answer = await client.verifyServer(fromBinary(VerifyServerRequestSchema, request), { timeoutMs })
      return toBinary(VerifyServerResponseSchema, answer)
    }
    case 'recordOutcome':
      // The caller does not wait for it, and a lost report is no failure of the tool.
      client.recordOutcome?.(fromBinary(RecordOutcomeRequestSchema, request))?.catch(() => undefined)
      return new Uint8Array()
  }
}

function clientOf({ options, environment }: SyncCore): CoreClient {
  const key = JSON.stringify([options, environment])
  let client = clients.get(key)
  if (client === undefined) {
    for (const name of Object.keys(process.env)) if (name.startsWith('CAPISCIO_')) delete process.env[name]
    Object.assign(process.env, environment)
    client = createCoreClient(options)
    clients.set(key, client)
  }
  return client
}
