/**
 * An answer of HTTP, as far as a handshake needs it: its head, and the first words of its body for people.
 *
 * @module
 */

import { ConnectError } from "../connect_error.ts";

/** No head of an answer is longer, in bytes. */
const MAX_HEAD_BYTES = 16 * 1024;

/** How much of the body is read, in bytes, and for how long, in milliseconds. */
const MAX_BODY_BYTES = 2048;
const BODY_TIMEOUT = 500;

/** How much of it is shown, in characters. */
const MAX_SHOWN_LENGTH = 200;

const END_OF_HEAD = "\r\n\r\n";

/** What these bytes begin is a record of TLS that tells of an error: section 6 of RFC 8446. */
const TLS_ALERT = "\x15\x03";

/** The part of a connection that a handshake uses. */
export interface ByteStream {
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
export async function readResponseHead(
  stream: ByteStream,
): Promise<{ readonly head: string; readonly remainder: Uint8Array<ArrayBuffer> }> {
  const buffer = new Uint8Array(MAX_HEAD_BYTES);
  let text = "";
  for (let received = 0; received < buffer.length;) {
    const count = await stream.read(buffer.subarray(received));
    if (count === null) {
      throw new ConnectError(
        received > 0
          ? "the connection ended in the midst of the answer to the handshake"
          : "a connection is accepted there, and ends without an answer: perhaps TLS is spoken there (wss://)",
        { reason: "broken" },
      );
    }
    // A byte is a character, so that places in the text are places in the buffer.
    text += latin1Text(buffer.subarray(received, received + count));
    // Nobody who speaks something else is waited for.
    if (!"HTTP/1.".startsWith(text.slice(0, 7))) throw notHttpError(text);
    // However slowly it comes, each byte is looked at once.
    const end = text.indexOf(END_OF_HEAD, Math.max(0, received - END_OF_HEAD.length));
    received += count;
    if (end >= 0) {
      return {
        head: text.slice(0, end),
        remainder: buffer.subarray(end + END_OF_HEAD.length, received),
      };
    }
  }
  throw new ConnectError(`the answer to the handshake is longer than ${MAX_HEAD_BYTES} bytes`, {
    reason: "not_websocket",
    final: true,
  });
}

function latin1Text(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** What answers speaks something else than HTTP. */
export function notHttpError(received: string): ConnectError {
  const quoted = JSON.stringify(printable(received.split(/[\r\n]/, 1)[0]!).slice(0, 80));
  const [reason, message] = received.startsWith(TLS_ALERT)
    ? ["tls_needed", "TLS is spoken there: the address has to begin with wss://"] as const
    : ["not_websocket", `what answers there is no web server, it says ${quoted}`] as const;
  return new ConnectError(message, { reason, final: true });
}

/** Text without what could move the cursor of a terminal, or turn the direction of writing. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, " ").trim();
}

/**
 * What a body says to people: its first line, or the title of a page. It is not waited for long.
 *
 * @param stream where the rest of it comes
 * @param headers the headers
 * @param remainder what came behind the head
 * @returns one line, or nothing
 */
export async function readBodySummary(
  stream: ByteStream,
  headers: Headers,
  remainder: Uint8Array<ArrayBuffer>,
): Promise<string> {
  if (headers.has("content-encoding")) return "";
  const maxBytes = Math.min(Number(headers.get("content-length") ?? Infinity), MAX_BODY_BYTES);
  const body = new Uint8Array(MAX_BODY_BYTES);
  body.set(remainder.subarray(0, MAX_BODY_BYTES));
  let received = Math.min(remainder.length, MAX_BODY_BYTES);
  const summary = () => {
    const text = new TextDecoder().decode(body.subarray(0, Math.min(received, maxBytes)));
    // Each part of a chunked body stands behind a line with its size.
    return summarize(headers.has("transfer-encoding") ? text.replace(/^[^\n]*\n/, "") : text);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<null>((resolve) => timer = setTimeout(resolve, BODY_TIMEOUT, null));
  try {
    while (received < maxBytes && !summary().isComplete) {
      const count = await Promise.race([stream.read(body.subarray(received)), timeout]);
      if (count === null) break;
      received += count;
    }
  } catch {
    // What came counts.
  } finally {
    clearTimeout(timer);
  }
  const describeOption = printable(summary().line);
  return describeOption.length > MAX_SHOWN_LENGTH
    ? `${describeOption.slice(0, MAX_SHOWN_LENGTH)}…`
    : describeOption;
}

/** The line of a text that says most, and whether it is there as a whole. */
function summarize(text: string): { readonly line: string; readonly isComplete: boolean } {
  if (/^\s*</.test(text)) {
    const [, title] = /<title[^>]*>([^<]*)<\//i.exec(text) ?? [];
    return { line: title?.replace(/\s+/g, " ") ?? "", isComplete: title !== undefined };
  }
  const [, line = "", end = ""] = /^\s*([^\n]*)(\n?)/.exec(text) ?? [];
  return { line, isComplete: end !== "" };
}
