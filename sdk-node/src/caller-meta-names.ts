/** Names under which a caller's credential travels in `_meta`: the flat RFC form and the vendor-prefixed one. */
export const BADGE_META_NAMES = ['capiscio_caller_badge', 'io.capisc/caller-badge'] as const
export const API_KEY_META_NAMES = ['capiscio_caller_api_key', 'io.capisc/caller-api-key'] as const
