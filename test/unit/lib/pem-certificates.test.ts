import { describe, expect, it } from 'vitest'
import { parsePemCertificates } from '../../../core/src/lib/pem-certificates.ts'
import { certificate, TEST_CA } from '../../fakes/https-server.ts'

const OTHER = certificate('self-signed').cert.toString()

describe('PEM certificates', () => {
  it('are all read, whatever stands between them', () => {
    expect(parsePemCertificates(`The test CA\n${TEST_CA}\nand another\n${OTHER}`)).toEqual([
      TEST_CA.trim(),
      OTHER.trim(),
    ])
  })

  it.each([
    ['nothing', ''],
    ['a text', 'hello'],
    ['a key', certificate('good').key.toString()],
    ['half of one', TEST_CA.slice(0, 200)],
  ])('are not %s', (_what, pem) => {
    expect(() => parsePemCertificates(pem)).toThrow('There is no certificate in PEM form')
  })

  it('are refused as a whole when one cannot be read', () => {
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    expect(() => parsePemCertificates(TEST_CA + broken)).toThrow('Certificate 2 cannot be read')
  })
})
