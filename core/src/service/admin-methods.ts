/**
 * Calls that change what this core decides, or take its caches away: for the operator. Whoever
 * may ask for decisions on this machine may not make these without the admin token.
 */
const ADMIN: Readonly<Record<string, readonly string[] | 'all'>> = {
  'capiscio.core.v1.AdminService': 'all',
  'capiscio.v1.RevocationService': ['Revoke', 'Unrevoke', 'FetchRevocationList', 'ClearCache'],
  // Whoever pins a key of his own issues badges of every level.
  'capiscio.v1.TrustStoreService': ['AddKey', 'RemoveKey', 'ImportFromDirectory', 'Clear'],
}

/** @param path `/package.Service/Method` */
export function isAdminMethod(path: string): boolean {
  const [, service = '', method = ''] = path.split('/')
  const methods = Object.hasOwn(ADMIN, service) ? ADMIN[service] : undefined
  return methods === 'all' || methods?.includes(method) === true
}
