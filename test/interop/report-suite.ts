import { describe, expect, it } from 'vitest'
import {
  EXPECTED_GRPC_HEALTH,
  EXPECTED_IDENTITIES,
  EXPECTED_OLD_HEALTH,
  EXPECTED_REFUSALS,
  EXPECTED_SERVER_INFO,
  expectedCases,
  expectOneKey,
  type InteropReport,
  REFLECTED_SERVICES,
} from './expected-report.ts'

/** What every gRPC client must have seen, whatever language it is written in. */
export function describeReport(seen: () => { readonly report: InteropReport; readonly agentDidKey: string }): void {
  describe('a client with generated stubs', () => {
    it('gets every decision from both packages, with its record', () => {
      const { report, agentDidKey } = seen()
      expect(report.cases).toEqual(expectedCases(agentDidKey))
    })

    it('is told by status and field path what cannot be answered', () => {
      expect(seen().report.refusals).toEqual(EXPECTED_REFUSALS)
    })

    it('is told by the old Health whether its version fits', () => {
      expect(seen().report.health).toEqual(EXPECTED_OLD_HEALTH)
    })

    it('reads disclosed identities', () => {
      expect(seen().report.identities).toEqual(EXPECTED_IDENTITIES)
    })

    it('gets key pairs whose forms are one key, and errors as a field', () => {
      const { unnamed, named, otherAlgorithm } = seen().report.keys
      expectOneKey(unnamed)
      expectOneKey(named)
      expect(unnamed.keyId).toMatch(/^key-[\w-]{6}$/)
      expect(named.keyId).toBe('agent-1')
      expect(named.publicKey).not.toBe(unnamed.publicKey)
      expect(otherAlgorithm).toMatchObject({
        errorMessage: 'only Ed25519 algorithm is supported',
        privateKey: '',
        privateKeyPem: '',
      })
    })

    it('learns what the core is', () => {
      expect(seen().report.serverInfo).toEqual(EXPECTED_SERVER_INFO)
    })

    it('checks and watches grpc.health.v1', () => {
      expect(seen().report.grpcHealth).toEqual(EXPECTED_GRPC_HEALTH)
    })

    it('finds by reflection every service and every type, as it was generated', () => {
      const { services, messages, differing } = seen().report.reflection
      expect(services).toEqual(expect.arrayContaining(REFLECTED_SERVICES))
      expect(messages).toEqual(
        expect.arrayContaining(['capiscio.core.v1.Decision', 'capiscio.v1.EvaluateConfig', 'google.rpc.Status']),
      )
      expect(differing).toEqual([])
    })
  })
}
