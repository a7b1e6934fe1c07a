import type { Profile } from './config.ts'
import type { ConfigSources } from './config-sources.ts'

/** What trust is decided from: the sources, and the profile that limits it. */
export type TrustSources = Pick<ConfigSources, 'environment' | 'file' | 'home'> & { readonly profile: Profile }
