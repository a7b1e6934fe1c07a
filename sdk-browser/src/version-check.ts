import type { GetServerInfoResponse } from '@capiscio/proto/core/v1'
import { CoreVersionError } from '@capiscio/proto/sdk'
import { CORE_MIN_VERSION, PROTO_VERSION, SDK_VERSION } from './version.ts'

/** @throws CoreVersionError unless the core can answer this SDK. */
export function checkVersions(info: Pick<GetServerInfoResponse, 'coreVersion' | 'protoVersion'>, label: string): void {
  const core = parseVersion(info.coreVersion)
  const oldest = parseVersion(CORE_MIN_VERSION)
  if (core === undefined || oldest === undefined || isBefore(core, oldest)) {
    throw new CoreVersionError(
      `The core at ${label} is version "${info.coreVersion}", and @capiscio/mcp-browser ${SDK_VERSION} needs ${CORE_MIN_VERSION} or newer. Update @capiscio/core.`,
    )
  }
  if (majorOf(info.protoVersion) !== majorOf(PROTO_VERSION)) {
    throw new CoreVersionError(
      `The core at ${label} speaks contract "${info.protoVersion}", and @capiscio/mcp-browser ${SDK_VERSION} speaks ${PROTO_VERSION}. Use versions of core and SDK that belong together.`,
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
