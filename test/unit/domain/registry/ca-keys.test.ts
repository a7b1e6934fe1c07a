import { describe, expect, it } from 'vitest'
import { createNodeEd25519Signer } from '../../../../core/src/adapters/crypto/node-ed25519.ts'
import {
  CA_KEY_DRAIN_MS,
  CA_KEY_LEAD_MS,
  decideCaKeyRoles,
  toJwks,
} from '../../../../core/src/domain/registry/ca-keys.ts'

const key = (kid: string, activeFromMs: number, seed = 1) => ({
  kid,
  activeFromMs,
  signer: createNodeEd25519Signer(new Uint8Array(32).fill(seed)),
})

describe('CA keys', () => {
  const rotatedAt = 10_000_000
  const keys = [key('old', 0), key('new', rotatedAt + CA_KEY_LEAD_MS, 2)]
  const at = (nowMs: number) => {
    const { signing, published } = decideCaKeyRoles(keys, nowMs)
    return [signing.kid, published.map(({ kid }) => kid)]
  }

  it('are published before they sign, and after until no badge of theirs is left', () => {
    const change = rotatedAt + CA_KEY_LEAD_MS
    expect(at(rotatedAt)).toEqual(['old', ['new', 'old']])
    expect(at(change - 1)).toEqual(['old', ['new', 'old']])
    expect(at(change)).toEqual(['new', ['new', 'old']])
    expect(at(change + CA_KEY_DRAIN_MS - 1)).toEqual(['new', ['new', 'old']])
    expect(at(change + CA_KEY_DRAIN_MS)).toEqual(['new', ['new']])
  })

  it('wait longer than a verifier keeps a key set, and stay longer than a badge lives', () => {
    expect(CA_KEY_LEAD_MS).toBeGreaterThanOrEqual(2 * 300_000)
    expect(CA_KEY_DRAIN_MS).toBeGreaterThanOrEqual(3_600_000 + 60_000)
  })

  it('still sign when the clock says that none is active yet: with the oldest', () => {
    expect(at(-5)).toEqual(['old', ['new', 'old']])
  })

  it('must be there', () => {
    expect(() => decideCaKeyRoles([], 0)).toThrow(TypeError)
  })

  it('are published without their private halves', () => {
    expect(toJwks([key('old', 0)])).toEqual({
      keys: [
        {
          kty: 'OKP',
          crv: 'Ed25519',
          kid: 'old',
          x: Buffer.from(key('old', 0).signer.publicKey).toString('base64url'),
          use: 'sig',
          alg: 'EdDSA',
        },
      ],
    })
  })
})
