import { createInterface } from 'node:readline'

// A stdio server that does as its client says. It reports every line that reaches it, as a
// notification `notifications/got`, and answers nothing by itself: `notifications/say` makes it
// write the lines in `params.lines`.
createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/got', params: { line } })}\n`)
  const { method, params } = JSON.parse(line) as { method?: unknown; params?: { lines?: string[] } }
  if (method === 'notifications/say') for (const said of params?.lines ?? []) process.stdout.write(`${said}\n`)
})
