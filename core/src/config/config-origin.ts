/** Where a decided value comes from, weakest first: a stronger source hides a weaker one. */
export type ConfigOrigin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string }

export const DEFAULT_ORIGIN: ConfigOrigin = Object.freeze({ kind: 'default' })

/** `default`, `FILE:LINE:COLUMN`, `CAPISCIO_NAME` or `--flag`. */
export function showOrigin(origin: ConfigOrigin): string {
  switch (origin.kind) {
    case 'default':
      return 'default'
    case 'file':
      return `${origin.file}:${origin.line}:${origin.column}`
    case 'env':
    case 'flag':
      return origin.name
  }
}
