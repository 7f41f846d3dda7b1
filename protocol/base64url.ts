/**
 * Bytes as text that may stand in headers and addresses: base64url without padding, RFC 4648, section 5.
 *
 * @module
 */

/**
 * Encodes bytes.
 *
 * @param bytes no more than the arguments that a call may have
 */
export function encodeBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replace(/=+$/, "");
}

/**
 * Decodes text.
 *
 * @param text with or without padding
 * @returns the bytes
 * @throws {DOMException} if it is not base64
 */
export function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (unit) => unit.charCodeAt(0));
}
