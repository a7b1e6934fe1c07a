/** CRC-32C (Castagnoli), reflected polynomial. */
const POLYNOMIAL = 0x82f63b78

/** Eight tables of 256, so that eight bytes are taken in one step. */
const TABLES = buildTables()

function buildTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = at(tables, i - 256)
    tables[i] = (previous >>> 8) ^ at(tables, previous & 0xff)
  }
  return tables
}

/** Element `i`; every caller stays inside the array. */
function at(values: ArrayLike<number>, i: number): number {
  return values[i] as number
}

/**
 * CRC-32C of the bytes (RFC 3720 appendix B.4), as an unsigned 32-bit number; with the sum
 * of what came before, that of both together.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous
  let i = 0
  for (const whole = bytes.length - 7; i < whole; i += 8) {
    crc ^= at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24)
    crc =
      at(TABLES, 0x700 | (crc & 0xff)) ^
      at(TABLES, 0x600 | ((crc >>> 8) & 0xff)) ^
      at(TABLES, 0x500 | ((crc >>> 16) & 0xff)) ^
      at(TABLES, 0x400 | (crc >>> 24)) ^
      at(TABLES, 0x300 | at(bytes, i + 4)) ^
      at(TABLES, 0x200 | at(bytes, i + 5)) ^
      at(TABLES, 0x100 | at(bytes, i + 6)) ^
      at(TABLES, at(bytes, i + 7))
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ at(TABLES, (crc ^ at(bytes, i)) & 0xff)
  return ~crc >>> 0
}
