/**
 * The media type of a `Content-Type` field, in lower case and without parameters. Empty when
 * the field is absent.
 */
export function mediaTypeOf(contentType: string | undefined): string {
  const [type = ''] = (contentType ?? '').split(';')
  return type.trim().toLowerCase()
}
