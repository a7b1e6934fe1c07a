import { hash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  AuthenticateCallerRequestSchema,
  CallResult,
  EvaluateToolAccessRequestSchema,
  FilterToolsRequestSchema,
  GetRecordRequestSchema,
  RecordOutcomeRequestSchema,
} from '@capiscio/proto/core/v1'
import type { ClaimedCredential, Members } from '@capiscio/proto/mcp'
import { canonicalJson, decodeDecision, type ToolAccess } from '@capiscio/proto/sdk'
import type { InProcessCore } from '../in-process-core.ts'
import { CORE_VERSION } from '../version.ts'

/** What stands in front of an MCP server asks this about each of its tools. */
export interface ToolDecider {
  /**
   * Decides and records one call.
   *
   * @param args `params.arguments`, absent counts as `{}`
   * @throws {TypeError} for arguments that have no canonical form, which no JSON text lacks
   */
  decide(tool: string, args: unknown, caller: ClaimedCredential | undefined, signal: AbortSignal): Promise<ToolAccess>
  /** Which tools of a listing the caller may run now. */
  allowed(tools: readonly string[], caller: ClaimedCredential | undefined): Promise<ReadonlySet<string>>
  /**
   * Who the caller is: a DID, `apikey:NAME`, or empty for an anonymous one. `undefined` when its
   * credential is refused, which is recorded.
   */
  principal(caller: ClaimedCredential | undefined, signal: AbortSignal): Promise<string | undefined>
  /**
   * Records how an allowed call ended. Whatever becomes of it harms nobody.
   *
   * @param result what the tool gave, for its hash; absent when it gave an error instead
   */
  ended(access: ToolAccess, failed: boolean, durationMs: number, result?: Members): void
  /** C2SP tlog-proof of the decision's record; `undefined` when it cannot be had in time. Never rejects. */
  proof(access: ToolAccess): Promise<string | undefined>
}

/** How long a reply may wait for its proof, in milliseconds. */
const PROOF_TIMEOUT_MS = 2_000

/** Most tools that one question may hold. */
const PER_QUESTION = 1024

/** What a caller wanted that is refused here, in its record. */
const TASKS = '/tasks'

const SDK = `capiscio-mcp/${CORE_VERSION}`

type DecidingCore = Pick<
  InProcessCore,
  'evaluateToolAccess' | 'authenticateCaller' | 'filterTools' | 'recordOutcome' | 'getRecord'
>

/** Decides with a core in this process. */
export function createToolDecider(core: DecidingCore, serverOrigin: string): ToolDecider {
  return {
    async decide(toolName, args, caller, signal) {
      const paramsHash = hashOf(args ?? {})
      const request = create(EvaluateToolAccessRequestSchema, {
        toolName,
        paramsHash,
        serverOrigin,
        sdk: SDK,
        ...credentialOf(caller),
      })
      const { decision } = await core.evaluateToolAccess(request, { signal })
      return decodeDecision(decision, { toolName, paramsHash }, caller ? [caller.secret] : [])
    },

    async allowed(tools, caller) {
      const allowed = new Set<string>()
      for (let start = 0; start < tools.length; start += PER_QUESTION) {
        const asked = tools.slice(start, start + PER_QUESTION)
        const request = create(FilterToolsRequestSchema, {
          tools: asked.map((toolName) => ({ toolName })),
          ...credentialOf(caller),
        })
        const answers = (await core.filterTools(request)).allowed
        asked.forEach((toolName, index) => {
          if (answers[index] === true) allowed.add(toolName)
        })
      }
      return allowed
    },

    async principal(caller, signal) {
      const request = create(AuthenticateCallerRequestSchema, {
        endpoint: TASKS,
        serverOrigin,
        sdk: SDK,
        ...credentialOf(caller),
      })
      const { result } = await core.authenticateCaller(request, { signal })
      return result.case === 'caller' ? result.value.principal : undefined
    },

    ended({ evidenceId }, failed, durationMs, result) {
      const request = create(RecordOutcomeRequestSchema, {
        evidenceId: evidenceId ?? '',
        result: failed ? CallResult.ERROR : CallResult.OK,
        duration: durationFromMs(Math.round(durationMs)),
        resultHash: result === undefined ? '' : hashOrNothing(result),
      })
      core.recordOutcome(request).catch(() => undefined)
    },

    async proof({ leafIndex }) {
      if (leafIndex === undefined) return undefined
      const request = create(GetRecordRequestSchema, { key: { case: 'leafIndex', value: leafIndex } })
      const found = await core.getRecord(request, { timeoutMs: PROOF_TIMEOUT_MS }).catch(() => undefined)
      return found?.receipt || undefined
    },
  }
}

function hashOf(value: unknown): string {
  return `sha256:${hash('sha256', canonicalJson(value), 'base64url')}`
}

/** What a server sends may have no canonical form, such as a lone surrogate, and then no hash. */
function hashOrNothing(result: Members): string {
  try {
    return hashOf(result)
  } catch {
    return ''
  }
}

function credentialOf(caller: ClaimedCredential | undefined) {
  if (caller === undefined) return {}
  return {
    credential: { case: caller.kind === 'badge' ? ('badgeJws' as const) : ('apiKey' as const), value: caller.secret },
  }
}
