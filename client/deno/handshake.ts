/**
 * The opening handshake of RFC 6455, section 4, as a client.
 *
 * @module
 */

/** What section 1.3 has a server add to the key, to show that it understood. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** No answer to a handshake is longer, in bytes. */
const MAX_ANSWER = 16 * 1024;

const END = "\r\n\r\n";

/** The server is there and wants nothing of this: to ask again would not help. */
export class RefusedError extends Error {
  /** The status of its answer: 401 or 403. */
  readonly status: number;

  /** Makes one of a status line. */
  constructor(status: number, line: string) {
    super(`the answer is ${JSON.stringify(line)}`);
    this.status = status;
  }
}

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
 * @returns what came after the answer
 * @throws {Error} if the answer is anything but yes
 */
export async function shakeHands(
  stream: Stream,
  url: URL,
  protocols: readonly string[],
  token?: string,
): Promise<Uint8Array<ArrayBuffer>> {
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
  const [status = "", ...fields] = head.split("\r\n");
  const [, refused] = /^HTTP\/1\.1 (401|403)\b/.exec(status) ?? [];
  if (refused !== undefined) throw new RefusedError(Number(refused), status);
  if (!/^HTTP\/1\.1 101\b/.test(status)) throw new Error(`the answer is ${JSON.stringify(status)}`);
  const answer = new Headers(fields.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  }));
  const said = (name: string) => answer.get(name) ?? "";
  const connection = said("connection").toLowerCase().split(",").map((token) => token.trim());
  const protocol = said("sec-websocket-protocol");
  if (
    said("upgrade").toLowerCase() !== "websocket" ||
    !connection.includes("upgrade") ||
    said("sec-websocket-accept") !== await accept(key) ||
    said("sec-websocket-extensions") !== "" ||
    (protocol !== "" && !protocols.includes(protocol))
  ) throw new Error("the answer to the handshake is not of RFC 6455");
  return rest;
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
    if (count === null) throw new Error("the connection ended during the handshake");
    have += count;
    // A byte is a character, so that places in the text are places in the buffer.
    const text = String.fromCharCode(...buffer.subarray(0, have));
    const end = text.indexOf(END);
    if (end >= 0) {
      return { head: text.slice(0, end), rest: buffer.subarray(end + END.length, have) };
    }
  }
  throw new Error(`the answer to the handshake is longer than ${MAX_ANSWER} bytes`);
}

/** Writes bytes to the last. */
export async function writeAll(stream: Stream, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
}
