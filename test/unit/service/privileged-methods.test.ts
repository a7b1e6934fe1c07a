import { AdminService, CoreService, EvidenceService } from '@capiscio/proto/core/v1'
import {
  BadgeService,
  DIDService,
  MCPService,
  RevocationService,
  SimpleGuardService,
  TrustStoreService,
} from '@capiscio/proto/v1'
import { expect, it } from 'vitest'
import { isPrivilegedMethod } from '../../../core/src/service/privileged-methods.ts'

const SERVICES = [
  ...[CoreService, EvidenceService, AdminService],
  ...[MCPService, SimpleGuardService, BadgeService, DIDService, TrustStoreService, RevocationService],
]

const METHODS = SERVICES.flatMap(({ typeName, methods }) =>
  methods.map(({ name }) => `${typeName.replace('capiscio.', '')}/${name}`),
)

it('these calls are privileged, and no other', () => {
  expect(METHODS.filter((method) => isPrivilegedMethod(`/capiscio.${method}`))).toEqual([
    'core.v1.CoreService/GenerateKeypair',
    'core.v1.CoreService/RegisterIdentity',
    'core.v1.EvidenceService/GetRecord',
    'core.v1.EvidenceService/Query',
    'core.v1.EvidenceService/Watch',
    'core.v1.AdminService/Reload',
    'core.v1.AdminService/GetCacheStatistics',
    'core.v1.AdminService/RevokeLocally',
    'v1.SimpleGuardService/Sign',
    'v1.SimpleGuardService/SignAttached',
    'v1.SimpleGuardService/GenerateKeyPair',
    'v1.SimpleGuardService/LoadKey',
    'v1.SimpleGuardService/ExportKey',
    'v1.SimpleGuardService/GetKeyInfo',
    'v1.SimpleGuardService/Init',
    'v1.SimpleGuardService/CreateEnvelope',
    'v1.SimpleGuardService/DeriveEnvelope',
    'v1.BadgeService/SignBadge',
    'v1.BadgeService/RequestBadge',
    'v1.BadgeService/RequestPoPBadge',
    'v1.BadgeService/CreateDVOrder',
    'v1.BadgeService/GetDVOrder',
    'v1.BadgeService/FinalizeDVOrder',
    'v1.BadgeService/StartKeeper',
    'v1.TrustStoreService/AddKey',
    'v1.TrustStoreService/RemoveKey',
    'v1.TrustStoreService/ImportFromDirectory',
    'v1.TrustStoreService/ExportToDirectory',
    'v1.TrustStoreService/Clear',
    'v1.RevocationService/Revoke',
    'v1.RevocationService/Unrevoke',
    'v1.RevocationService/FetchRevocationList',
    'v1.RevocationService/ClearCache',
  ])
})

it('what nobody has thought about is privileged', () => {
  for (const path of [
    '',
    '/',
    '/capiscio.core.v1.CoreService/NewCall',
    '/capiscio.core.v1.CoreService/getServerInfo',
  ]) {
    expect(isPrivilegedMethod(path)).toBe(true)
  }
})
