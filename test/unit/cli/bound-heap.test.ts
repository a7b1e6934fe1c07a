import { describe, expect, it } from 'vitest'
import { boundHeap, type HeapProcess } from '../../../core/src/cli/bound-heap.ts'

const FLAG = '--max-semi-space-size=16'

/** What the process is replaced by, if it is. */
function replacement(args: readonly string[], changes: Partial<HeapProcess> = {}): readonly unknown[] | undefined {
  let replaced: readonly unknown[] | undefined
  boundHeap({
    argv: ['/bin/node', '/lib/main.js', ...args],
    execPath: '/bin/node',
    execArgv: [],
    env: { HOME: '/home/u' },
    execve: (...call) => {
      replaced = call
    },
    ...changes,
  })
  return replaced
}

describe('a command that runs a core', () => {
  it.each([['serve'], ['rpc'], ['dev'], ['mcp', 'serve']])('starts over with a bounded heap: %s %s', (...args) => {
    const line = [...args.filter((arg) => arg !== undefined), '--listen', '127.0.0.1:0']
    expect(replacement(line)).toEqual(['/bin/node', ['/bin/node', FLAG, '/lib/main.js', ...line], { HOME: '/home/u' }])
  })

  it('keeps what Node itself was told', () => {
    expect(replacement(['serve'], { execArgv: ['--cpu-prof'] })?.[1]).toEqual([
      '/bin/node',
      '--cpu-prof',
      FLAG,
      '/lib/main.js',
      'serve',
    ])
  })

  it('starts over once, and not where an operator chose a size', () => {
    expect(replacement(['serve'], { execArgv: [FLAG] })).toBeUndefined()
    expect(
      replacement(['serve'], { execArgv: ['--max_semi_space_size=64', '--max-semi-space-size=64'] }),
    ).toBeUndefined()
    expect(replacement(['serve'], { env: { NODE_OPTIONS: '--max-semi-space-size=64' } })).toBeUndefined()
    expect(replacement(['serve'], { env: { NODE_OPTIONS: '--enable-source-maps' } })).toBeDefined()
  })

  it('goes on as it is where a process cannot be replaced', () => {
    expect(replacement(['serve'], { execve: undefined })).toBeUndefined()
  })
})

describe('any other command', () => {
  it.each([[[]], [['--version']], [['status']], [['policy', 'explain', 'serve']]])('runs as it is: %j', (args) => {
    expect(replacement(args)).toBeUndefined()
  })
})
