import { expect, it } from 'vitest'
import { mediaTypeOf } from '../../../core/src/lib/media-type.ts'

it.each([
  [undefined, ''],
  ['', ''],
  ['application/json', 'application/json'],
  ['Application/JSON; charset=utf-8', 'application/json'],
  [' application/json ;x="application/did+json"', 'application/json'],
  ['text/html, application/json', 'text/html, application/json'],
])('the media type of %j is %j', (field, type) => {
  expect(mediaTypeOf(field)).toBe(type)
})
