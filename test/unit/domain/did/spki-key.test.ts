import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toPrivateKeyPem, toPublicKeyPem } from '../../../../core/src/domain/did/key-pem.ts'
import { parsePublicKeyPem, parseSpkiKey } from '../../../../core/src/domain/did/spki-key.ts'
import { refusalOf } from '../../../tools/refusal.ts'
import { sampleKey } from '../../../tools/sample-keys.ts'
import { fromHex, WEAK_KEYS } from '../../../tools/weak-keys.ts'

const { publicKey } = sampleKey(1)
const PEM = toPublicKeyPem(publicKey)
const derOf = (pem: string) => new Uint8Array(Buffer.from(pem.split('\n')[1] ?? '', 'base64'))
const DER = derOf(PEM)

describe('DER', () => {
  it('gives its key', () => {
    expect(parseSpkiKey(DER)).toEqual(publicKey)
    // The published form of the key of RFC 8037.
    const published = Buffer.from('MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=', 'base64')
    expect(Buffer.from(parseSpkiKey(published)).toString('base64url')).toBe(
      '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    )
  })

  it('is refused with any other byte in front, one more or one less', () => {
    fc.assert(
      fc.property(fc.nat(11), fc.integer({ min: 1, max: 255 }), (index, flip) => {
        const der = DER.map((byte, at) => (at === index ? byte ^ flip : byte))
        expect(refusalOf(() => parseSpkiKey(der))).toBe('DidRefused KEY_MALFORMED')
      }),
    )
    for (const der of [DER.subarray(0, 43), Uint8Array.of(...DER, 0), publicKey, new Uint8Array()]) {
      expect(refusalOf(() => parseSpkiKey(der))).toBe('DidRefused KEY_MALFORMED')
    }
  })

  it.each(WEAK_KEYS)('is refused with the weak key %s', (hex) => {
    expect(refusalOf(() => parseSpkiKey(Uint8Array.of(...DER.subarray(0, 12), ...fromHex(hex))))).toBe(
      'DidRefused KEY_WEAK',
    )
  })
})

describe('PEM', () => {
  it('gives its key, in one line or several', () => {
    expect(parsePublicKeyPem(PEM)).toEqual(publicKey)
    expect(parsePublicKeyPem(PEM.trimEnd())).toEqual(publicKey)
    expect(parsePublicKeyPem(PEM.replaceAll('\n', '\r\n'))).toEqual(publicKey)
    expect(parsePublicKeyPem(PEM.replace(/(.{40})(.{20})/, '$1\n$2'))).toEqual(publicKey)
  })

  it.each<[string, string]>([
    ['text before it', `key:\n${PEM}`],
    ['text after it', `${PEM}more`],
    ['two keys', PEM + PEM],
    ['no padding', PEM.replace('=', '')],
    ['the URL alphabet', PEM.replace(/[+/]/g, '_').replace('MCow', 'MC_w')],
    ['another label', PEM.replaceAll('PUBLIC KEY', 'RSA PUBLIC KEY')],
    ['no end', PEM.slice(0, 60)],
    ['nothing in it', '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n'],
    ['left-over bits', PEM.replace(/.=\n/, (end) => `${String.fromCharCode(end.charCodeAt(0) + 1)}=\n`)],
  ])('is refused with %s', (_what, pem) => {
    expect(refusalOf(() => parsePublicKeyPem(pem))).toBe('DidRefused KEY_MALFORMED')
  })

  it('is refused when it is the private key, which is said', () => {
    expect(refusalOf(() => parsePublicKeyPem(toPrivateKeyPem(new Uint8Array(32).fill(1))))).toBe(
      'DidRefused KEY_PRIVATE',
    )
  })
})
