const SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00)
const PKCS8_PREFIX = Uint8Array.of(
  ...[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20],
)

/** An Ed25519 public key (32 raw bytes) as PEM, SubjectPublicKeyInfo (RFC 8410). */
export function toPublicKeyPem(publicKey: Uint8Array): string {
  return pem('PUBLIC KEY', SPKI_PREFIX, publicKey)
}

/** An Ed25519 private key (32-byte seed) as PEM, PKCS#8 (RFC 8410). */
export function toPrivateKeyPem(seed: Uint8Array): string {
  return pem('PRIVATE KEY', PKCS8_PREFIX, seed)
}

/** The fixed DER prefix says "Ed25519"; with 32 bytes behind it the text fits on one line. */
function pem(label: string, prefix: Uint8Array, key: Uint8Array): string {
  const der = new Uint8Array([...prefix, ...key])
  return `-----BEGIN ${label}-----\n${btoa(String.fromCharCode(...der))}\n-----END ${label}-----\n`
}
