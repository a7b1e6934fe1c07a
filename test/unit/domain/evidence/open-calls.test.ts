import { describe, expect, it } from 'vitest'
import { createOpenCalls } from '../../../../core/src/domain/evidence/open-calls.ts'

const leaf = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('open calls', () => {
  it('are given once, each its own record', () => {
    const calls = createOpenCalls(10)
    calls.add('a', leaf('1'))
    calls.add('b', leaf('2'))
    expect(calls.take('a')).toEqual(leaf('1'))
    expect(calls.take('a')).toBeUndefined()
    expect(calls.take('b')).toEqual(leaf('2'))
    expect(calls.take('c')).toBeUndefined()
  })

  it('are the newest ones', () => {
    const calls = createOpenCalls(2)
    for (const id of ['a', 'b', 'c']) calls.add(id, leaf(id))
    expect(['a', 'b', 'c'].map((id) => calls.take(id) !== undefined)).toEqual([false, true, true])
  })
})
