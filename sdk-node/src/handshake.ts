import { create } from '@bufbuild/protobuf'
import type { GetServerInfoResponse } from '@capiscio/proto/core/v1'
import { CoreService, GetServerInfoRequestSchema } from '@capiscio/proto/core/v1'
import { CoreUnavailableError, CoreVersionError, MethodUnimplementedError, startBudget } from '@capiscio/proto/sdk'
import type { UnaryTransport } from './transport.ts'
import { CORE_MIN_VERSION, PROTO_VERSION, SDK_VERSION } from './version.ts'

const POLL_MS = 100

/** Limits of a handshake. */
export interface HandshakeOptions {
  readonly timeoutMs: number
  /** Wait until the core is ready to decide. False where a core that is not ready should say so itself. */
  readonly waitUntilReady: boolean
}

/**
 * Asks the core what it is and refuses one that this SDK cannot work with.
 *
 * @returns What the core said of itself.
 * @throws CoreVersionError for another contract or a core that is too old.
 * @throws CoreUnavailableError when waiting and the core did not become ready in time.
 */
export async function handshake(transport: UnaryTransport, options: HandshakeOptions): Promise<GetServerInfoResponse> {
  const budget = startBudget(options.timeoutMs)
  for (;;) {
    const info = await askServerInfo(transport, budget.remainingMs())
    checkVersions(info, transport.label)
    if (info.ready || !options.waitUntilReady) return info
    if (budget.remainingMs() <= POLL_MS) {
      const reasons = info.notReadyReasons.join(' ') || 'It does not say what it waits for.'
      throw new CoreUnavailableError(`The core at ${transport.label} is not ready to decide: ${reasons}`)
    }
    await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS).unref())
  }
}

/** @throws CoreVersionError unless the core can answer this SDK. */
export function checkVersions(info: Pick<GetServerInfoResponse, 'coreVersion' | 'protoVersion'>, label: string): void {
  const core = parseVersion(info.coreVersion)
  const oldest = parseVersion(CORE_MIN_VERSION)
  if (core === undefined || oldest === undefined || isBefore(core, oldest)) {
    throw new CoreVersionError(
      `The core at ${label} is version "${info.coreVersion}", and @capiscio/mcp ${SDK_VERSION} needs ${CORE_MIN_VERSION} or newer. Update @capiscio/core.`,
    )
  }
  if (majorOf(info.protoVersion) !== majorOf(PROTO_VERSION)) {
    throw new CoreVersionError(
      `The core at ${label} speaks contract "${info.protoVersion}", and @capiscio/mcp ${SDK_VERSION} speaks ${PROTO_VERSION}. Use versions of core and SDK that belong together.`,
    )
  }
}

async function askServerInfo(transport: UnaryTransport, timeoutMs: number): Promise<GetServerInfoResponse> {
  try {
    return await transport.unary(CoreService.method.getServerInfo, create(GetServerInfoRequestSchema), { timeoutMs })
  } catch (error) {
    if (!(error instanceof MethodUnimplementedError)) throw error
    throw new CoreVersionError(
      `What listens at ${transport.label} does not speak capiscio.core.v1. Start @capiscio/core ${CORE_MIN_VERSION} or newer there.`,
    )
  }
}

type Version = readonly [major: number, minor: number, patch: number]

function parseVersion(text: string): Version | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:[-+].*)?$/.exec(text)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])]
}

function isBefore(a: Version, b: Version): boolean {
  const index = a.findIndex((part, position) => part !== b[position])
  return index >= 0 && Number(a[index]) < Number(b[index])
}

/** Major number of `1.0`; undefined for anything that is not a version. */
function majorOf(version: string): string | undefined {
  return /^(\d+)\.\d+(?:\.\d+)?$/.exec(version)?.[1]
}
