/**
 * The opening handshake of RFC 6455, section 4, as a client.
 *
 * @module
 */

import { ConnectError } from "../connect_error.ts";
import { printable, readBody, readHead, strange, type Stream } from "./http_answer.ts";

/** What section 1.3 has a server add to the key, to show that it understood. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const END = "\r\n\r\n";

/** Answers of HTTP that may be others in a moment. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** What a handshake came to: a WebSocket, and what came after the answer; or the place where to ask instead. */
export type Answered =
  | { readonly rest: Uint8Array<ArrayBuffer> }
  | { readonly elsewhere: string; readonly status: string };

/**
 * Asks for a WebSocket.
 *
 * @param stream an open connection
 * @param url where to
 * @param protocols the subprotocols to offer
 * @param token goes with the request, instead of a name and a password in the address
 * @returns what the answer is
 * @throws {ConnectError} if it is neither a WebSocket nor a redirection
 */
export async function shakeHands(
  stream: Stream,
  url: URL,
  protocols: readonly string[],
  token?: string,
): Promise<Answered> {
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
  await writeAll(stream, new TextEncoder().encode(lines.join("\r\n") + END));
  const { head, rest } = await readHead(stream);
  const [line = "", ...fields] = head.split("\r\n");
  const [, code, words = ""] = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(line) ?? [];
  const answer = headers(fields);
  if (code === undefined || !answer) throw strange(head);
  const status = `${code} ${printable(words)}`.trim();
  if (code === "101") {
    if (await agrees(answer, key, protocols)) return { rest };
    throw new ConnectError("the answer to the handshake is not of RFC 6455", {
      reason: "not_websocket",
      final: true,
    });
  }
  const elsewhere = answer.get("location");
  if (/^30[12378]$/.test(code) && elsewhere) return { elsewhere, status };
  throw refused(Number(code), status, answer, await readBody(stream, answer, rest));
}

function headers(fields: readonly string[]): Headers | undefined {
  try {
    return new Headers(fields.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
  } catch {
    return undefined;
  }
}

/** The answer is the one that section 4.1 asks for. */
async function agrees(
  answer: Headers,
  key: string,
  protocols: readonly string[],
): Promise<boolean> {
  const said = (name: string) => answer.get(name) ?? "";
  const connection = said("connection").toLowerCase().split(",").map((token) => token.trim());
  const protocol = said("sec-websocket-protocol");
  return said("upgrade").toLowerCase() === "websocket" && connection.includes("upgrade") &&
    said("sec-websocket-accept") === await accept(key) &&
    said("sec-websocket-extensions") === "" && (protocol === "" || protocols.includes(protocol));
}

/** Another status than a WebSocket has. */
function refused(code: number, status: string, answer: Headers, body: string): ConnectError {
  const what = code < 300 ? "the answer is no WebSocket, but" : "the answer is";
  return new ConnectError(`${what} ${status}${body && `: ${body}`}`, {
    reason: "http_status",
    status: code,
    final: !PASSING.has(code),
    retryAfter: retryAfter(answer.get("retry-after")),
  });
}

/** Milliseconds; the header has seconds or a date, RFC 9110. */
function retryAfter(header: string | null): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? 1000 * Number(header) : Date.parse(header) - Date.now();
  return ms > 0 ? ms : 0;
}

/** Name and password for a proxy in front of the server, RFC 7617. */
function credentials({ username, password }: URL): string {
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

async function accept(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(key + GUID));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

/** Writes bytes to the last. */
export async function writeAll(stream: Stream, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
}
