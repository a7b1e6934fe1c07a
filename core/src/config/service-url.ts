import type { Profile } from './config.ts'
import { isLoopback } from './listen-address.ts'
import { ValueRefused } from './value-refused.ts'

/**
 * Reads the URL of a service that the operator chose: HTTPS, or HTTP on loopback in
 * profile `dev` (RFC-002 profiles).
 *
 * @throws {ValueRefused}
 */
export function parseServiceUrl(text: string, profile: Profile): string {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ValueRefused('Write an HTTPS URL, such as https://registry.example.com/.well-known/jwks.json')
  }
  if (url.username !== '' || url.password !== '')
    throw new ValueRefused('A URL holds no user and password: leave them out')
  if (url.hash !== '') throw new ValueRefused('Leave out the part after #, which no server sees')
  if (url.protocol === 'http:') {
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    if (!isLoopback({ host, port: 0 })) throw new ValueRefused('Write https: plain HTTP can be changed on its way')
    if (profile !== 'dev') {
      throw new ValueRefused('Write https: plain HTTP, also on loopback, is for profile dev', 'NOT_IN_PROFILE')
    }
  }
  return text
}

/**
 * Reads the URL of a service that paths are put behind.
 *
 * @throws {ValueRefused}
 */
export function parseBaseUrl(text: string, profile: Profile): string {
  if (text.includes('?')) throw new ValueRefused('Leave out the part from ? on: paths are put behind this URL')
  return parseServiceUrl(text, profile)
}
