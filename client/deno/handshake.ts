/**
 * The opening handshake of RFC 6455, section 4, as a client.
 *
 * @module
 */

import { ConnectError } from "../connect_error.ts";
import { writeToEnd } from "./frame_writer.ts";
import {
  type ByteStream,
  notHttpError,
  printable,
  readBodySummary,
  readResponseHead,
} from "./http_response.ts";

/** A server adds this to the key, to show that it understood: section 1.3. */
const HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const END_OF_HEAD = "\r\n\r\n";

/** HTTP statuses that may pass soon. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The result of a handshake: a WebSocket, with the bytes after the response; or a redirect. */
export type HandshakeResult =
  | { readonly remainder: Uint8Array<ArrayBuffer> }
  | { readonly location: string; readonly status: string };

/**
 * Requests a WebSocket.
 *
 * @param stream an open connection
 * @param url the address
 * @param protocols the subprotocols to offer
 * @param token sent with the request, instead of a user name and a password of the address
 * @returns the result
 * @throws {ConnectError} if it is neither a WebSocket nor a redirect
 */
export async function requestUpgrade(
  stream: ByteStream,
  url: URL,
  protocols: readonly string[],
  token?: string,
): Promise<HandshakeResult> {
  const key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
  ];
  if (token !== undefined) {
    lines.push(`Authorization: Bearer ${token}`);
  } else if (url.username !== "" || url.password !== "") {
    lines.push(`Authorization: Basic ${credentials(url)}`);
  }
  if (protocols.length > 0) lines.push(`Sec-WebSocket-Protocol: ${protocols.join(", ")}`);
  await writeToEnd(stream, new TextEncoder().encode(lines.join("\r\n") + END_OF_HEAD));
  const { head, remainder } = await readResponseHead(stream);
  const [line = "", ...fields] = head.split("\r\n");
  const [, statusCode, statusText = ""] = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(line) ?? [];
  const responseHeaders = parseHeaders(fields);
  if (statusCode === undefined || !responseHeaders) throw notHttpError(head);
  const status = `${statusCode} ${printable(statusText)}`.trim();
  if (statusCode === "101") {
    if (await isValidUpgrade(responseHeaders, key, protocols)) return { remainder };
    throw new ConnectError("the answer to the handshake violates RFC 6455", {
      reason: "not_websocket",
      final: true,
    });
  }
  const location = responseHeaders.get("location");
  if (/^30[12378]$/.test(statusCode) && location) return { location, status };
  throw statusError(
    Number(statusCode),
    status,
    responseHeaders,
    await readBodySummary(stream, responseHeaders, remainder),
  );
}

function parseHeaders(fields: readonly string[]): Headers | undefined {
  try {
    return new Headers(fields.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
  } catch {
    return undefined;
  }
}

/** Whether the response is the one that section 4.1 requires. */
async function isValidUpgrade(
  headers: Headers,
  key: string,
  protocols: readonly string[],
): Promise<boolean> {
  const headerOf = (name: string) => headers.get(name) ?? "";
  const connection = headerOf("connection").toLowerCase().split(",").map((token) => token.trim());
  const protocol = headerOf("sec-websocket-protocol");
  return headerOf("upgrade").toLowerCase() === "websocket" && connection.includes("upgrade") &&
    headerOf("sec-websocket-accept") === await acceptKey(key) &&
    headerOf("sec-websocket-extensions") === "" &&
    (protocol === "" || protocols.includes(protocol));
}

/** The error of a response with another status. */
function statusError(code: number, status: string, headers: Headers, body: string): ConnectError {
  const what = code < 300 ? "the answer is not a WebSocket upgrade, but" : "the answer is";
  return new ConnectError(`${what} ${status}${body && `: ${body}`}`, {
    reason: "http_status",
    status: code,
    final: !TRANSIENT_STATUSES.has(code),
    retryAfter: retryAfter(headers.get("retry-after")),
  });
}

/** In milliseconds; the header has seconds or a date, RFC 9110. */
function retryAfter(header: string | null): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? 1000 * Number(header) : Date.parse(header) - Date.now();
  return ms > 0 ? ms : 0;
}

/** User name and password for a proxy, RFC 7617. */
function credentials({ username, password }: URL): string {
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

async function acceptKey(key: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-1",
    new TextEncoder().encode(key + HANDSHAKE_GUID),
  );
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
