#!/usr/bin/env node
// Starts the command `capiscio`. Everything behind this line needs a current Node, so
// an older one is told apart before anything else is loaded.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 13)) {
  process.stderr.write(
    `capiscio needs Node 22.13 or newer, and this is ${process.versions.node}: install one from nodejs.org.\n`,
  )
  process.exitCode = 1
} else {
  const { boundHeap } = await import('./cli/bound-heap.ts')
  boundHeap(process)
  const { run } = await import('./cli/program.ts')
  await run(process.argv)
}
