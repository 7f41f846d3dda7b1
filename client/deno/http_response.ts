/**
 * Reads an HTTP response as far as a handshake needs it: its head, and a line of its body for people.
 *
 * @module
 */

import { ConnectError } from "../connect_error.ts";

/** The longest head of a response, in bytes. */
const MAX_HEAD_BYTES = 16 * 1024;

/** How much of the body is read, in bytes, and for how long, in milliseconds. */
const MAX_BODY_BYTES = 2048;
const BODY_TIMEOUT = 500;

/** How much of it is shown, in characters. */
const MAX_SHOWN_LENGTH = 200;

const END_OF_HEAD = "\r\n\r\n";

/** The beginning of a TLS alert: section 6 of RFC 8446. */
const TLS_ALERT = "\x15\x03";

/** The part of a connection that a handshake uses. */
export interface ByteStream {
  /** Reads into a buffer; `null` at the end. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Writes some of the bytes, and returns how many. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
}

/**
 * Reads the head of a response.
 *
 * @param stream the connection of the request
 * @returns the head without the empty line at its end, and the bytes after it
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
          ? "the connection ended during the response to the handshake"
          : "the connection is accepted, and ends without a response: perhaps the server uses TLS (wss://)",
        { reason: "broken" },
      );
    }
    // One character for each byte, so that positions in the text are positions in the buffer.
    text += latin1Text(buffer.subarray(received, received + count));
    // Does not wait for a server that uses another protocol.
    if (!"HTTP/1.".startsWith(text.slice(0, 7))) throw notHttpError(text);
    // However slowly it arrives, each byte is searched once.
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

/** The error of an answer that is not HTTP. */
export function notHttpError(received: string): ConnectError {
  const quoted = JSON.stringify(printable(received.split(/[\r\n]/, 1)[0]!).slice(0, 80));
  const [reason, message] = received.startsWith(TLS_ALERT)
    ? ["tls_needed", "the server uses TLS: the address must begin with wss://"] as const
    : ["not_websocket", `what answers there is not a web server, it sent ${quoted}`] as const;
  return new ConnectError(message, { reason, final: true });
}

/** Text without characters that move the cursor of a terminal or change the direction of writing. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, " ").trim();
}

/**
 * A line of the body for people: the first one, or the title of a page. It does not wait long.
 *
 * @param stream the connection, for the rest of it
 * @param headers the headers
 * @param remainder the bytes after the head
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
    // Each chunk of a chunked body follows a line with its size.
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
    // What has arrived is enough.
  } finally {
    clearTimeout(timer);
  }
  const describeOption = printable(summary().line);
  return describeOption.length > MAX_SHOWN_LENGTH
    ? `${describeOption.slice(0, MAX_SHOWN_LENGTH)}…`
    : describeOption;
}

/** The line of a text that says most, and whether it is complete. */
function summarize(text: string): { readonly line: string; readonly isComplete: boolean } {
  if (/^\s*</.test(text)) {
    const [, title] = /<title[^>]*>([^<]*)<\//i.exec(text) ?? [];
    return { line: title?.replace(/\s+/g, " ") ?? "", isComplete: title !== undefined };
  }
  const [, line = "", end = ""] = /^\s*([^\n]*)(\n?)/.exec(text) ?? [];
  return { line, isComplete: end !== "" };
}
