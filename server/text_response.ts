/**
 * Responses of one line, to requests for a WebSocket.
 *
 * @module
 */

/**
 * A response of one line.
 *
 * @param status the HTTP status
 * @param text the line, without its end
 * @param headers more headers
 * @returns the response
 */
export function textResponse(status: number, text: string, headers: HeadersInit = {}): Response {
  return new Response(`${text}\n`, { status, headers });
}
