import canonicalize from 'canonicalize'

/** A JSON value that nobody else holds a reference to. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }

const MAX_DEPTH = 128
const PLAIN_NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/

/**
 * The JCS form (RFC 8785) of a JSON value.
 *
 * Throws `TypeError`, naming the path, for everything that JSON cannot hold. Nothing is
 * dropped and `toJSON` is never called, so two different values never share a text
 * because a part of one was left out.
 */
export function canonicalJson(value: unknown): string {
  return canonicalJsonOfCopy(copyJson(value))
}

/** The same for a value that `copyJson` made. */
export function canonicalJsonOfCopy(copy: JsonValue): string {
  const text = canonicalize(copy)
  if (text === undefined) throw new TypeError('The value has no JSON form.')
  return text
}

/**
 * Copies a JSON value deeply. Every member of the original is read exactly once, so a
 * getter or a proxy cannot show one value to the hash and another to the handler.
 * Negative zero becomes zero, because that is what its JSON text says.
 *
 * @param path How error messages call the value. Default `$`.
 */
export function copyJson(value: unknown, path = '$'): JsonValue {
  return copyValue(value, path, [])
}

/** Whether the value is an object literal's kind of object, from this realm or another. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  // Another realm's Object.prototype: the end of its chain, and the owner of this method.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
}

function copyValue(value: unknown, path: string, ancestors: readonly object[]): JsonValue {
  switch (typeof value) {
    case 'boolean':
      return value
    case 'string':
      if (!value.isWellFormed()) refuse(path, 'holds a lone surrogate, which UTF-8 cannot encode')
      return value
    case 'number':
      if (!Number.isFinite(value)) refuse(path, `is ${value}, which JSON cannot hold`)
      return value === 0 ? 0 : value
    case 'object':
      return value === null ? null : copyObject(value, path, ancestors)
    case 'undefined':
      return refuse(path, 'is undefined: leave the member out or use null')
    case 'bigint':
      return refuse(path, 'is a BigInt: pass it as a string')
    default:
      return refuse(path, `is a ${typeof value}, which JSON cannot hold`)
  }
}

function copyObject(value: object, path: string, ancestors: readonly object[]): JsonValue {
  if (ancestors.includes(value)) refuse(path, 'contains itself')
  if (ancestors.length >= MAX_DEPTH) refuse(path, `is nested deeper than ${MAX_DEPTH} levels`)
  const chain = [...ancestors, value]
  if (Array.isArray(value)) return copyArray(value, path, chain)
  if (!isPlainObject(value)) refuse(path, `is a ${className(value)}: convert it to plain JSON first`)
  return copyMembers(value, path, chain)
}

function copyArray(array: readonly unknown[], path: string, chain: readonly object[]): JsonValue {
  // Array.prototype of any realm is itself an array; the prototype of a subclass is not.
  if (!Array.isArray(Object.getPrototypeOf(array)))
    refuse(path, `is a ${className(array)}: convert it to an array first`)
  const length = array.length
  // Every index and `length`: one key more or less is a named member or a hole.
  const keys = Reflect.ownKeys(array)
  const copy: JsonValue[] = []
  for (let index = 0; index < length; index += 1) {
    if (keys[index] !== String(index)) refuse(`${path}[${index}]`, 'is a hole in a sparse array')
    copy.push(copyValue(array[index], `${path}[${index}]`, chain))
  }
  if (keys.length !== length + 1) refuse(path, 'is an array with named members, which JSON cannot hold')
  return copy
}

function copyMembers(object: Record<string, unknown>, path: string, chain: readonly object[]): JsonValue {
  const copy: { [key: string]: JsonValue } = {}
  for (const key of Reflect.ownKeys(object)) {
    if (typeof key === 'symbol') refuse(path, 'has a member named by a symbol, which JSON cannot hold')
    const memberPath = `${path}${memberName(key)}`
    if (!key.isWellFormed()) refuse(path, 'has a member whose name holds a lone surrogate')
    if (Object.getOwnPropertyDescriptor(object, key)?.enumerable !== true) {
      refuse(memberPath, 'is not enumerable, so JSON would leave it out')
    }
    // Defined, not assigned: assigning `__proto__` would change the copy's prototype.
    Object.defineProperty(copy, key, {
      value: copyValue(object[key], memberPath, chain),
      configurable: true,
      enumerable: true,
      writable: true,
    })
  }
  return copy
}

function refuse(path: string, problem: string): never {
  const shown = path.length > 256 ? `${path.slice(0, 256)}…` : path
  throw new TypeError(`${shown} ${problem}.`)
}

function memberName(key: string): string {
  return PLAIN_NAME.test(key) && key.length <= 64 ? `.${key}` : `[${JSON.stringify(key.slice(0, 64))}]`
}

function className(value: object): string {
  const made: unknown = Object.getPrototypeOf(value)?.constructor
  return typeof made === 'function' && made.name !== '' ? made.name : 'class instance'
}
