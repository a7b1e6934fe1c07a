import { z } from 'zod'
import { CapiscioMcpServer } from '../../../sdk-node/src/index.ts'

// A guarded stdio server for tests, configured by its arguments: DID, badge, private key (PEM).
const [did = '', badge = '', privateKey = ''] = process.argv.slice(2)

const server = new CapiscioMcpServer({
  name: 'files',
  ...(did !== '' && { identity: { did, badge, privateKey } }),
  defaults: { minTrustLevel: 2 },
})
server.tool('ping', { minTrustLevel: 0 }, () => ({ content: [{ type: 'text', text: 'pong' }] }))
server.tool('read_file', { inputSchema: z.object({ path: z.string() }) }, ({ path }) => ({
  content: [{ type: 'text', text: `text of ${path}` }],
}))
await server.run()
