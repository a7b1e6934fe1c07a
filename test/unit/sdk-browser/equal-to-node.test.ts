import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as browser from '../../../sdk-browser/src/index.ts'
import * as verify from '../../../sdk-browser/src/verify/index.ts'
import * as node from '../../../sdk-node/src/index.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')

test('the versions are those of the packages', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'sdk-browser', 'package.json'), 'utf8'))
  expect(browser.SDK_VERSION).toBe(version)
})

describe('what a page can import', () => {
  test('is this, and every name of it means the same in the SDK for Node', () => {
    expect(Object.keys(browser).sort()).toEqual([
      'AuthLevel',
      'CORE_MIN_VERSION',
      'CallAbortedError',
      'CallerCredential',
      'CapiscioError',
      'CoreAccessError',
      'CoreAddressError',
      'CoreConnectionError',
      'CoreFaultError',
      'CoreTimeoutError',
      'CoreUnavailableError',
      'CoreVersionError',
      'CredentialError',
      'DenyReason',
      'DisclosureError',
      'EnforcementMode',
      'EvidenceError',
      'InvalidRequestError',
      'MethodUnimplementedError',
      'Outcome',
      'PROTO_VERSION',
      'PopError',
      'RequestTooLargeError',
      'SDK_VERSION',
      'ServerErrorCode',
      'ServerState',
      'ServerVerifyError',
      'TrustLevel',
      'computeParamsHash',
      'createCoreClient',
      'generatePopRequest',
      'parseHttpHeaders',
      'parseJsonRpcMeta',
      'popRequestToMeta',
      'popResponseFromMeta',
      'verifyCheckpoint',
      'verifyConsistency',
      'verifyReceipt',
    ])
    expect(Object.keys(browser).filter((name) => !(name in node))).toEqual([])
  })

  test('is little more for who verifies without a core', () => {
    expect(Object.keys(verify).sort()).toEqual(['BadgeError', 'createVerifier', 'verifyPopResponse'])
  })
})
