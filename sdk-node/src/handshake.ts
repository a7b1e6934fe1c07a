import { create } from '@bufbuild/protobuf'
import type { GetServerInfoResponse } from '@capiscio/proto/core/v1'
import { CoreService, GetServerInfoRequestSchema } from '@capiscio/proto/core/v1'
import { CoreVersionError, MethodUnimplementedError } from '@capiscio/proto/sdk'
import type { UnaryTransport } from './transport.ts'
import { CORE_MIN_VERSION, PROTO_VERSION, SDK_VERSION } from './version.ts'

/**
 * Asks the core what it is and refuses one that this SDK cannot work with. One that is not ready
 * answers for itself: it denies what it cannot check, and records that it did.
 *
 * @param timeoutMs How long it may take.
 * @returns What the core said of itself.
 * @throws CoreVersionError for another contract or a core that is too old.
 */
export async function handshake(transport: UnaryTransport, timeoutMs: number): Promise<GetServerInfoResponse> {
  const info = await askServerInfo(transport, timeoutMs)
  checkVersions(info, transport.label)
  return info
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
