/**
 * A reader of server-sent events that only counts them, so that a hundred of them leave the client's core time for the rest.
 *
 * @module
 */

import { retryUntilReady } from "../processes.ts";
import { headEnd, HOST } from "./http_socket.ts";

const NEWLINE = 10;

/** Counts events by the empty line that ends each. What frames the chunks of a body has none. */
export class EventCounter {
  #isAfterNewline = false;

  /**
   * Counts the events that end in these bytes.
   *
   * @param bytes what follows the bytes of the last call
   */
  count(bytes: Uint8Array): number {
    let events = 0;
    let last = this.#isAfterNewline ? -1 : -2;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
      if (at === last + 1) events++;
      last = at;
    }
    this.#isAfterNewline = last === bytes.length - 1;
    return events;
  }
}

/** A connection that follows a topic, or anything else that is answered with events. */
export class EventReader implements Disposable {
  readonly #conn: Deno.TcpConn;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /**
   * Starts to follow. Resolves when the first event is there: the server sends one at once, which tells the position.
   *
   * @param port of the server, which may not listen yet
   * @param path what it asks for
   * @param onEvents takes the number of events that have come since the last call
   */
  static async open(
    port: number,
    path: string,
    onEvents: (count: number) => void = () => {},
  ): Promise<EventReader> {
    const conn = await retryUntilReady(() => Deno.connect({ hostname: HOST, port }));
    const request = `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nAccept: text/event-stream\r\n\r\n`;
    await conn.write(new TextEncoder().encode(request));
    const buffer = new Uint8Array(64 * 1024);
    const counter = new EventCounter();
    await readFirst(conn, buffer, counter);
    void readOn(conn, buffer, counter, onEvents);
    return new EventReader(conn);
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

/** Reads the head, and the first event. */
async function readFirst(
  conn: Deno.TcpConn,
  buffer: Uint8Array,
  counter: EventCounter,
): Promise<void> {
  let [size, end] = [0, -1];
  while (end < 0) {
    size += await conn.read(buffer.subarray(size)) ?? ended();
    end = headEnd(buffer.subarray(0, size));
  }
  const status = new TextDecoder().decode(buffer.subarray(9, 12));
  if (status !== "200") throw new Error(`the server has answered with status ${status}`);
  for (let events = counter.count(buffer.subarray(end, size)); events === 0;) {
    events = counter.count(buffer.subarray(0, await conn.read(buffer) ?? ended()));
  }
}

async function readOn(
  conn: Deno.TcpConn,
  buffer: Uint8Array,
  counter: EventCounter,
  onEvents: (count: number) => void,
): Promise<void> {
  try {
    for (let size; (size = await conn.read(buffer)) !== null;) {
      onEvents(counter.count(buffer.subarray(0, size)));
    }
  } catch {
    // Closed.
  }
}

function ended(): never {
  throw new Error("the server has ended the connection");
}
