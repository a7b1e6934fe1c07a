import type { DidWeb } from './did-web.ts'

/**
 * Where the document of a did:web is (badges.md §6.2): at the root under `.well-known`,
 * otherwise under its path.
 */
export function didDocumentUrl({ host, port, segments }: DidWeb): string {
  const path = segments.length === 0 ? '.well-known' : segments.join('/')
  return `https://${host}${port === undefined || port === 443 ? '' : `:${port}`}/${path}/did.json`
}
