/**
 * A client of HTTP that costs little: `fetch` and `node:http` take more CPU time for a request than the server that is measured.
 *
 * @module
 */

import { retryUntilReady } from "../processes.ts";

/** What a server has answered. */
export interface RawResponse {
  readonly status: number;
  /** The bytes after the head, as they came. They are valid until the next call. */
  readonly body: Uint8Array;
}

/** More than any response that is measured, in bytes. */
const MAX_RESPONSE = 512 * 1024;

/** The end of a body in chunks. */
const LAST_CHUNK = "\r\n0\r\n\r\n";

/** A connection that is kept alive, with one request at a time. */
export class HttpSocket implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #received = new Uint8Array(MAX_RESPONSE);

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  /** Connects, once the server listens. */
  static async open(port: number): Promise<HttpSocket> {
    return new HttpSocket(await retryUntilReady(() => Deno.connect({ hostname: HOST, port })));
  }

  /**
   * Sends a request and waits for the whole response.
   *
   * @param request such as {@linkcode postRequest} makes
   * @throws {Error} if the connection ends before
   */
  async call(request: Uint8Array): Promise<RawResponse> {
    for (let at = 0; at < request.length;) at += await this.#conn.write(request.subarray(at));
    let size = 0;
    for (;;) {
      const count = await this.#conn.read(this.#received.subarray(size));
      if (!count) throw new Error("the server has ended the connection, or answers too much");
      size += count;
      const response = parseResponse(this.#received.subarray(0, size));
      if (response) return response;
    }
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

/** The address of the servers. */
export const HOST = "127.0.0.1";

/**
 * Reads a response.
 *
 * @param bytes what has come of it so far
 * @returns the response; `undefined` if it is not complete
 */
export function parseResponse(bytes: Uint8Array): RawResponse | undefined {
  const end = headEnd(bytes);
  if (end < 0) return undefined;
  const head = latin1(bytes.subarray(0, end));
  const body = bytes.subarray(end);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  const isWhole = length === undefined
    ? latin1(bytes.subarray(-LAST_CHUNK.length)) === LAST_CHUNK
    : body.length >= Number(length);
  return isWhole ? { status: Number(head.slice(9, 12)), body } : undefined;
}

/** Where the head of a response ends, behind its empty line; -1 if that has not come yet. */
export function headEnd(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(RETURN); at >= 0; at = bytes.indexOf(RETURN, at + 1)) {
    if (bytes[at + 2] === RETURN && bytes[at + 3] === NEWLINE) return at + 4;
  }
  return -1;
}

const RETURN = 13;
const NEWLINE = 10;

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/**
 * Makes the bytes of a POST.
 *
 * @param path where to
 * @param type the media type of the body
 * @param body ASCII
 */
export function postRequest(path: string, type: string, body: string): Uint8Array {
  return new TextEncoder().encode(
    `POST ${path} HTTP/1.1\r\nHost: ${HOST}\r\nContent-Type: ${type}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
}
