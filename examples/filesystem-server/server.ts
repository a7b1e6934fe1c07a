// An MCP server over standard input and output that serves the files below one folder.
//   CAPISCIO_CORE_ADDR=127.0.0.1:50051 npx node examples/filesystem-server/server.ts FOLDER
import { readdir, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { protectServer } from '@capiscio/mcp' // the first line of two
import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

const root = await realpath(process.argv[2] ?? '.')
const MAX_BYTES = 1024 * 1024

/** Where `path` really leads, all links resolved: below the root, or nowhere. */
async function inside(path: string): Promise<string> {
  const real = await realpath(path)
  if (real !== root && !real.startsWith(join(root, sep))) throw new Error('This is not below the served folder.')
  return real
}

const answer = (text: string) => ({ content: [{ type: 'text' as const, text }] })

serveStdio(() => {
  const server = new McpServer({ name: 'files', version: '1.0.0' })
  protectServer(server, { tools: { read_file: { minTrustLevel: 2 }, write_file: { minTrustLevel: 3 } } }) // the second

  server.registerTool('list_files', { description: 'Names in the folder', inputSchema: z.object({}) }, async () =>
    answer((await readdir(root)).join('\n')),
  )
  server.registerTool(
    'read_file',
    { description: 'Text of a file', inputSchema: z.object({ name: z.string() }) },
    async ({ name }) => {
      const path = await inside(resolve(root, name))
      if ((await stat(path)).size > MAX_BYTES) throw new Error(`${name} is larger than ${MAX_BYTES} bytes.`)
      return answer(await readFile(path, 'utf8'))
    },
  )
  server.registerTool(
    'write_file',
    { description: 'Writes a new file', inputSchema: z.object({ name: z.string(), text: z.string() }) },
    async ({ name, text }) => {
      const path = resolve(root, name)
      // Only a new file is made: an old one is kept, and a link is not followed.
      await writeFile(join(await inside(dirname(path)), basename(path)), text, { flag: 'wx' })
      return answer(`${name} is written.`)
    },
  )
  return server
})
