import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInProcessCore } from '@capiscio/core'
import { DenyReason } from '@capiscio/proto/core/v1'
import { hashApiKey } from '../../core/src/domain/guard/api-keys.ts'
import * as sdk from '../../sdk-node/src/index.ts'
import { createScriptedClient } from '../fakes/scripted-client.ts'
import type { ScriptedAnswer } from '../fakes/scripted-core.ts'
import { allow, deny, startScriptedCore } from '../fakes/scripted-core.ts'
import type { SdkSetup } from './sdk-behaviour.contract.ts'
import { describeSdkBehaviour } from './sdk-behaviour.contract.ts'

const SECRET = 'canary-api-key-of-nobody'

/** Knows one API key, as a core does that is configured with one. */
function decide(request: Parameters<typeof allow>[0]): ScriptedAnswer {
  if (request.credential.value === 'key-of-alice') return allow(request, { principal: 'apikey:alice' })
  return deny(request, {
    reason: DenyReason.API_KEY_UNKNOWN,
    code: 'TOOL_AUTH_MISSING',
    message: `The API key ${request.credential.value} is not known here.`,
  })
}

const SITUATION = {
  sdk,
  allowed: { tool: 'read_database', credential: { apiKey: 'key-of-alice' }, principal: 'apikey:alice' },
  denied: {
    tool: 'read_database',
    credential: { apiKey: SECRET },
    code: 'TOOL_AUTH_MISSING',
    reason: 'API_KEY_UNKNOWN',
    secret: SECRET,
  },
} as const

for (const over of ['tcp', 'unix'] as const) {
  describeSdkBehaviour(`sdk-node over a ${over} socket`, async (): Promise<SdkSetup> => {
    const core = await startScriptedCore(decide, { over })
    const gone = await startScriptedCore(decide, { over })
    await gone[Symbol.asyncDispose]()
    const client = sdk.createCoreClient({ address: core.address })
    const unreachable = sdk.createCoreClient({ address: over === 'tcp' ? '127.0.0.1:1' : gone.address })
    return {
      ...SITUATION,
      client,
      unreachable,
      async [Symbol.asyncDispose]() {
        await client[Symbol.asyncDispose]()
        await unreachable[Symbol.asyncDispose]()
        await core[Symbol.asyncDispose]()
      },
    }
  })
}

describeSdkBehaviour('sdk-node over a client of its own', async (): Promise<SdkSetup> => {
  return {
    ...SITUATION,
    client: createScriptedClient(decide),
    unreachable: sdk.createCoreClient({ address: '127.0.0.1:1' }),
    async [Symbol.asyncDispose]() {},
  }
})

describeSdkBehaviour('sdk-node with a core in the same process', async (): Promise<SdkSetup> => {
  const folder = await mkdtemp(join(tmpdir(), 'capiscio-behaviour-'))
  const config = join(folder, 'capiscio.yaml')
  await writeFile(config, `apiKeys:\n  - { name: alice, hash: "${hashApiKey('key-of-alice')}" }\n`)
  const env = {
    HOME: folder,
    CAPISCIO_STATE_DIR: join(folder, 'state'),
    CAPISCIO_EVIDENCE_DIR: join(folder, 'evidence'),
  }
  const core = await createInProcessCore({ env, config, logLevel: 'silent' })
  return {
    ...SITUATION,
    client: core,
    unreachable: sdk.createCoreClient({ address: '127.0.0.1:1' }),
    async [Symbol.asyncDispose]() {
      await core[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
})
