import { describe, expect, it } from 'vitest'
import { createReleaseStack } from '../../../core/src/lib/release-stack.ts'

describe('a release stack', () => {
  it('releases the last thing first, one after the other, and each once', async () => {
    const stack = createReleaseStack()
    const seen: string[] = []
    stack.defer(() => seen.push('first'))
    stack.defer(async () => {
      seen.push('second begins')
      await Promise.resolve()
      seen.push('second ends')
    })
    await stack[Symbol.asyncDispose]()
    await stack[Symbol.asyncDispose]()
    expect(seen).toEqual(['second begins', 'second ends', 'first'])
  })

  it('releases everything although something fails, and then says what failed first', async () => {
    const stack = createReleaseStack()
    const seen: string[] = []
    stack.defer(() => seen.push('kept'))
    stack.defer(() => Promise.reject(new Error('later')))
    stack.defer(() => {
      throw new Error('earlier')
    })
    await expect(stack[Symbol.asyncDispose]()).rejects.toThrow('earlier')
    expect(seen).toEqual(['kept'])
  })
})
