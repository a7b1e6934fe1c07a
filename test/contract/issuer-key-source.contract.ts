import { describe, expect, it } from 'vitest'
import type { IssuerKeySource } from '../../core/src/ports/issuer-keys.ts'
import { SourceUnavailable } from '../../core/src/ports/source-unavailable.ts'

export interface IssuerKeysHarness {
  readonly source: IssuerKeySource
  /** Makes a key set the issuer's, to be found when a newer one is asked for. */
  publish(jwks: string): void
}

export const CONTRACT_ISSUER = 'https://registry.example.com'

/** Key sets that mean the same to nobody: another key each. */
const [FIRST, SECOND] = [
  '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  'Lm_M42cB3HkUiODQsXRcweM6TByfzEHGO9ND274JcOY',
].map((x) => JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', kid: x.slice(0, 4), x }] })) as [string, string]

/** What every source of issuer keys promises. `create` makes one where the first key set is published already. */
export function describeIssuerKeySource(
  name: string,
  create: (jwks: string) => IssuerKeysHarness | Promise<IssuerKeysHarness>,
): void {
  describe(`${name} as a source of issuer keys`, () => {
    it('gives the key set as it was published, with a version', async () => {
      const { source } = await create(FIRST)
      const { jwks, version } = await source.keySet(CONTRACT_ISSUER)
      expect(jwks).toBe(FIRST)
      expect(version).not.toBe('')
      expect(await source.keySet(CONTRACT_ISSUER)).toEqual({ jwks, version })
    })

    it('gives a newer set with another version when a key is missing, and keeps giving it', async () => {
      const { source, publish } = await create(FIRST)
      const before = await source.keySet(CONTRACT_ISSUER)
      publish(SECOND)
      const after = await source.freshenFor(CONTRACT_ISSUER, 'new')
      expect(after.jwks).toBe(SECOND)
      expect(after.version).not.toBe(before.version)
      expect(await source.keySet(CONTRACT_ISSUER)).toEqual(after)
    })

    it('gives the same version when nothing is newer', async () => {
      const { source } = await create(FIRST)
      const before = await source.keySet(CONTRACT_ISSUER)
      expect(await source.freshenFor(CONTRACT_ISSUER, 'unknown')).toEqual(before)
    })

    it.each(['https://stranger.example.com', '', '__proto__', 'constructor'])(
      'rejects with SourceUnavailable for %j, which is no issuer of its',
      async (issuer) => {
        const { source } = await create(FIRST)
        await expect(source.keySet(issuer)).rejects.toBeInstanceOf(SourceUnavailable)
        await expect(source.freshenFor(issuer, 'k')).rejects.toBeInstanceOf(SourceUnavailable)
      },
    )
  })
}
