/**
 * Responses of the web, written with `node:http`.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import { beginBody } from "./head_response.ts";
import type { HttpExchange } from "./node_http_exchanges.ts";
import type { BoundedRequest } from "./node_http_request.ts";

/** For how long the rest of a body is dropped after an early response, in milliseconds: some clients read only once they have sent it. */
const LINGER = 5000;

/** Up to this size a body is written as a string, in bytes; not over TLS, where Deno writes `latin1` as UTF-8. */
const SMALL_BYTES = 4096;

/** At most this much is handed over at once, in bytes: the rest waits until the client has read. */
const PIECE_BYTES = 64 * 1024;

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
type Chunk = ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;

/**
 * Writes a response. One whose body is known at once is written whole, with its length; another one chunk by chunk, as fast
 * as the client reads. If that leaves, the body is cancelled; if the body fails, the connection is cut, so that nobody
 * takes it for complete.
 *
 * @param response the response
 * @param exchange where to write it
 * @param incoming its request: if its body was not read, the connection ends
 */
export async function sendResponse(
  response: Response,
  exchange: HttpExchange,
  incoming: BoundedRequest,
): Promise<void> {
  const { outgoing } = exchange;
  const { status } = response;
  const reader = response.body?.getReader();
  if (reader) exchange.onGone(() => void reader.cancel().catch(() => {}));
  try {
    const { whole, first = [], next } = await beginBody(reader);
    if (exchange.isGone) return;
    const headers: string[] = [];
    // An iterator takes a time that grows with the square of their number.
    response.headers.forEach((value, name) => headers.push(name, value));
    const isEmpty = status === 204 || status === 304;
    // To HEAD a stream, too, is answered without a body.
    const isKnown = whole && !isEmpty && (whole.length > 0 || outgoing.req.method !== "HEAD");
    if (isKnown && !response.headers.has("content-length")) {
      headers.push("content-length", `${whole.length}`);
    }
    // Behind an upgrade that is ignored Deno loses what came in the same packet: it is to be sent again.
    const isLast = !incoming.isRead || incoming.headers.upgrade !== undefined;
    if (isLast && !response.headers.has("connection")) {
      headers.push("connection", "close");
    }
    closeGently(exchange, incoming);
    outgoing.writeHead(status, headers);
    if (whole) {
      if (!hasBody(outgoing, isEmpty)) outgoing.end();
      // Together with the headers, in one write.
      else if (whole.length <= SMALL_BYTES && !("encrypted" in exchange.socket)) {
        outgoing.end(String.fromCharCode(...whole), "latin1");
      } else if (whole.length <= PIECE_BYTES) outgoing.end(whole);
      else await sendStream(exchange, reader!, [whole], reader!.read());
    } else if (!hasBody(outgoing, isEmpty)) {
      outgoing.end();
      await reader!.cancel();
    } else await sendStream(exchange, reader!, first, next!);
  } catch {
    // What made the body knows why.
    exchange.socket.destroy();
  }
}

async function sendStream(
  exchange: HttpExchange,
  reader: Reader,
  first: readonly Uint8Array<ArrayBuffer>[],
  next: Promise<Chunk>,
): Promise<void> {
  const { outgoing } = exchange;
  let wake = () => {};
  exchange.onGone(() => {
    wake();
    reader.cancel().catch(() => {});
  });
  // The body of a client that is cut off fails while nothing more is asked of it: that has yet to read what was written.
  reader.closed.catch(() => exchange.socket.destroy());
  const write = async (chunk: Uint8Array<ArrayBuffer>) => {
    for (let at = 0; at < chunk.length && !exchange.isGone; at += PIECE_BYTES) {
      // Not only until Node has room for more: what made the body is to know what its client takes.
      await new Promise<void>((resolve) => {
        wake = resolve;
        outgoing.write(chunk.subarray(at, at + PIECE_BYTES), () => resolve());
      });
    }
  };
  // The client need not wait for the first chunk to know that there is a response.
  if (first.length === 0) outgoing.flushHeaders();
  for (const chunk of first) await write(chunk);
  for (let result = await next; !exchange.isGone; result = await reader.read()) {
    if (result.done) return void outgoing.end();
    await write(result.value);
  }
}

function hasBody({ req }: ServerResponse, isEmpty: boolean): boolean {
  return req.method !== "HEAD" && !isEmpty;
}

/**
 * If a request is incomplete when its response ends, its connection ends, too. Node would destroy it at once, and while
 * more is being sent the system would then take the response away from the client. So the rest is dropped for a while.
 */
function closeGently({ socket, outgoing }: HttpExchange, incoming: BoundedRequest): void {
  if (incoming.complete) return;
  const { destroySoon } = socket;
  let isClosing = false;
  const close = () => {
    if (incoming.complete) return destroySoon.call(socket);
    if (isClosing) return;
    isClosing = true;
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER);
    socket.once("close", () => clearTimeout(timer));
    incoming.once("end", () => socket.destroy());
    incoming.dropBody();
  };
  socket.destroySoon = close;
  outgoing.once("finish", () => {
    if (!incoming.complete) close();
  });
}
