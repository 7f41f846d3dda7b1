/**
 * An answer of HTTP, as far as a handshake needs it: its head, and the first words of its body for people.
 *
 * @module
 */

import { ConnectError } from "../connect_error.ts";

/** No head of an answer is longer, in bytes. */
const MAX_HEAD = 16 * 1024;

/** How much of the body is read, in bytes, and for how long, in milliseconds. */
const MAX_BODY = 2048;
const BODY_TIME = 500;

/** How much of it is shown, in characters. */
const MAX_SHOWN = 200;

const END = "\r\n\r\n";

/** What these bytes begin is a record of TLS that tells of an error: section 6 of RFC 8446. */
const TLS_ALERT = "\x15\x03";

/** The part of a connection that a handshake uses. */
export interface Stream {
  /** Reads into a buffer; `null` at the end. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Writes some of the bytes, and says how many. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
}

/**
 * Reads the head of an answer.
 *
 * @param stream where a request was written
 * @returns the head without the empty line at its end, and what came behind it
 * @throws {ConnectError} if there is none
 */
export async function readHead(
  stream: Stream,
): Promise<{ readonly head: string; readonly rest: Uint8Array<ArrayBuffer> }> {
  const buffer = new Uint8Array(MAX_HEAD);
  let text = "";
  for (let have = 0; have < buffer.length;) {
    const count = await stream.read(buffer.subarray(have));
    if (count === null) {
      throw new ConnectError(
        have > 0
          ? "the connection ended in the midst of the answer to the handshake"
          : "a connection is accepted there, and ends without an answer: perhaps TLS is spoken there (wss://)",
        { reason: "broken" },
      );
    }
    // A byte is a character, so that places in the text are places in the buffer.
    text += asText(buffer.subarray(have, have + count));
    // Nobody who speaks something else is waited for.
    if (!"HTTP/1.".startsWith(text.slice(0, 7))) throw strange(text);
    // However slowly it comes, each byte is looked at once.
    const end = text.indexOf(END, Math.max(0, have - END.length));
    have += count;
    if (end >= 0) {
      return { head: text.slice(0, end), rest: buffer.subarray(end + END.length, have) };
    }
  }
  throw new ConnectError(`the answer to the handshake is longer than ${MAX_HEAD} bytes`, {
    reason: "not_websocket",
    final: true,
  });
}

function asText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** What answers speaks something else than HTTP. */
export function strange(said: string): ConnectError {
  const quoted = JSON.stringify(printable(said.split(/[\r\n]/, 1)[0]!).slice(0, 80));
  const [reason, why] = said.startsWith(TLS_ALERT)
    ? ["tls_needed", "TLS is spoken there: the address has to begin with wss://"] as const
    : ["not_websocket", `what answers there is no web server, it says ${quoted}`] as const;
  return new ConnectError(why, { reason, final: true });
}

/** Text without what could move the cursor of a terminal, or turn the direction of writing. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, " ").trim();
}

/**
 * What a body says to people: its first line, or the title of a page. It is not waited for long.
 *
 * @param stream where the rest of it comes
 * @param answer the headers
 * @param rest what came behind the head
 * @returns one line, or nothing
 */
export async function readBody(
  stream: Stream,
  answer: Headers,
  rest: Uint8Array<ArrayBuffer>,
): Promise<string> {
  if (answer.has("content-encoding")) return "";
  const most = Math.min(Number(answer.get("content-length") ?? Infinity), MAX_BODY);
  const body = new Uint8Array(MAX_BODY);
  body.set(rest.subarray(0, MAX_BODY));
  let have = Math.min(rest.length, MAX_BODY);
  const said = () => {
    const text = new TextDecoder().decode(body.subarray(0, Math.min(have, most)));
    // Each part of a chunked body stands behind a line with its size.
    return words(answer.has("transfer-encoding") ? text.replace(/^[^\n]*\n/, "") : text);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(resolve, BODY_TIME, null));
  try {
    while (have < most && !said().whole) {
      const count = await Promise.race([stream.read(body.subarray(have)), late]);
      if (count === null) break;
      have += count;
    }
  } catch {
    // What came counts.
  } finally {
    clearTimeout(timer);
  }
  const shown = printable(said().line);
  return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown;
}

/** The line of a text that says most, and whether it is there as a whole. */
function words(text: string): { readonly line: string; readonly whole: boolean } {
  if (/^\s*</.test(text)) {
    const [, title] = /<title[^>]*>([^<]*)<\//i.exec(text) ?? [];
    return { line: title?.replace(/\s+/g, " ") ?? "", whole: title !== undefined };
  }
  const [, line = "", end = ""] = /^\s*([^\n]*)(\n?)/.exec(text) ?? [];
  return { line, whole: end !== "" };
}
