/**
 * The opening handshake of RFC 6455, section 4, as a client.
 *
 * @module
 */

import { ConnectError } from "../connect_error.ts";

/** What section 1.3 has a server add to the key, to show that it understood. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** No answer to a handshake is longer, in bytes. */
const MAX_ANSWER = 16 * 1024;

/** How much of the text of a refusal is read, in bytes, and for how long, in milliseconds. */
const MAX_BODY = 2048;
const BODY_TIME = 500;

/** How much of it is shown, in characters. */
const MAX_SHOWN = 200;

const END = "\r\n\r\n";

/** Answers of HTTP that may be others in a moment. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** What these bytes begin is a record of TLS that tells of an error: section 6 of RFC 8446. */
const TLS_ALERT = "\x15\x03";

/** What a handshake came to: a WebSocket, and what came after the answer; or the place where to ask instead. */
export type Answered =
  | { readonly rest: Uint8Array<ArrayBuffer> }
  | { readonly elsewhere: string; readonly status: string };

/** The part of a connection that a handshake uses. */
export interface Stream {
  /** Reads into a buffer; `null` at the end. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Writes some of the bytes, and says how many. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
}

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
  const { head, rest } = await readAnswer(stream);
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
    return new Headers(fields.map((line) => {
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

/** What answers speaks something else than HTTP. */
function strange(said: string): ConnectError {
  const [reason, why] = said.startsWith(TLS_ALERT)
    ? ["tls_needed", "TLS is spoken there: the address has to begin with wss://"] as const
    : ["not_websocket", `what answers there is no web server, it says ${quoted(said)}`] as const;
  return new ConnectError(why, { reason, final: true });
}

function quoted(said: string): string {
  return JSON.stringify(printable(said.split(/[\r\n]/, 1)[0]!).slice(0, 80));
}

/** Text without what could move the cursor of a terminal, or turn the direction of writing. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, " ").trim();
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

async function readAnswer(
  stream: Stream,
): Promise<{ readonly head: string; readonly rest: Uint8Array<ArrayBuffer> }> {
  const buffer = new Uint8Array(MAX_ANSWER);
  for (let have = 0; have < buffer.length;) {
    const count = await stream.read(buffer.subarray(have));
    if (count === null) {
      if (have > 0) throw strange(asText(buffer.subarray(0, have)));
      throw new ConnectError("the connection ended before the handshake was answered", {
        reason: "broken",
      });
    }
    have += count;
    // A byte is a character, so that places in the text are places in the buffer.
    const text = asText(buffer.subarray(0, have));
    // Nobody who speaks something else is waited for.
    if (!"HTTP/1.".startsWith(text.slice(0, 7))) throw strange(text);
    const end = text.indexOf(END);
    if (end >= 0) {
      return { head: text.slice(0, end), rest: buffer.subarray(end + END.length, have) };
    }
  }
  throw new ConnectError(`the answer to the handshake is longer than ${MAX_ANSWER} bytes`, {
    reason: "not_websocket",
    final: true,
  });
}

function asText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The first line of what stands under an answer, if it is text for people. It is not waited for long. */
async function readBody(
  stream: Stream,
  answer: Headers,
  rest: Uint8Array<ArrayBuffer>,
): Promise<string> {
  if (answer.has("content-encoding")) return "";
  const body = new Uint8Array(MAX_BODY);
  body.set(rest.subarray(0, MAX_BODY));
  let have = Math.min(rest.length, MAX_BODY);
  const length = Number(answer.get("content-length") ?? Infinity);
  const chunked = answer.has("transfer-encoding");
  const line = () => {
    const text = new TextDecoder().decode(body.subarray(0, Math.min(have, length)));
    // Each part of a chunked body stands behind a line with its size.
    const lines = text.split(/\r?\n/).slice(chunked ? 1 : 0);
    const found = lines.findIndex((line) => line.trim() !== "");
    return { text: lines[found] ?? "", whole: found >= 0 && found < lines.length - 1 };
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(resolve, BODY_TIME, null));
  try {
    while (have < Math.min(length, MAX_BODY) && !line().whole) {
      const count = await Promise.race([stream.read(body.subarray(have)), late]);
      if (count === null) break;
      have += count;
    }
  } catch {
    // What came counts.
  } finally {
    clearTimeout(timer);
  }
  const shown = printable(line().text);
  // A page for a browser says nothing in its first line.
  if (shown.startsWith("<")) return "";
  return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown;
}

/** Writes bytes to the last. */
export async function writeAll(stream: Stream, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
}
