import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DEV_ISSUER, DEV_ISSUER_KID, prepareDevFolder } from '../../core/src/cli/dev/dev-folder.ts'
import { issueBadge } from '../../core/src/domain/badge/issue-badge.ts'

/**
 * A development folder without a registry: its badges of levels 1 to 4 are made here, and
 * nobody is asked about them unless `apiUrl` says whom.
 */
export async function makeDevFolder(path: string, apiUrl?: string): Promise<void> {
  const { configFile, configure, keys } = await prepareDevFolder(path, Date.now())
  await configure(apiUrl ?? 'http://127.0.0.1:9')
  if (apiUrl === undefined) {
    const text = await readFile(configFile, 'utf8')
    await writeFile(configFile, text.replace(/^ *(?:apiUrl|didNamespaceUrl): .*\n/gm, ''))
  }
  const issuedAt = Math.floor(Date.now() / 1000)
  for (const level of [1, 2, 3, 4] as const) {
    const contents = {
      jti: randomUUID(),
      issuer: DEV_ISSUER,
      subject: 'did:web:registry.capiscio.invalid:agents:example-agent',
      level,
      issuedAt,
      expiresAt: issuedAt + 12 * 3600,
      subjectKey: keys.agent.publicKey,
      domain: 'agents.example.com',
    }
    await writeFile(
      join(path, 'badges', `level-${level}.jwt`),
      `${issueBadge(contents, DEV_ISSUER_KID, keys.issuer)}\n`,
    )
  }
}
