/**
 * A raw peer that sends as fast as it can and reads what it is sent, or does not.
 *
 * @module
 */

import { clientFrame, RawSocket } from "../support/raw_socket.ts";

/** One connection of an attacker with a token that may read one topic. */
export class Flooder {
  readonly #client: RawSocket;
  /** How many bytes it has sent. */
  sent = 0;
  /** How many of the answers that it has read were of each kind; `over` are those that say that something has ended. */
  readonly received: { tooMany: number; replies: number; over: number; bytes: number } = {
    tooMany: 0,
    replies: 0,
    over: 0,
    bytes: 0,
  };
  /** The server has ended the connection. */
  ended = false;

  private constructor(client: RawSocket) {
    this.#client = client;
  }

  /** Connects, and reads what comes, unless it is told not to. */
  static async open(port: number, reads = true): Promise<Flooder> {
    const client = await RawSocket.open(port, "Authorization: Bearer weak");
    const flooder = new Flooder(client);
    if (reads) void flooder.#read();
    return flooder;
  }

  /** Sends requests as one frame of text. */
  async send(...requests: readonly (string | object)[]): Promise<void> {
    const texts = requests.map((one) => typeof one === "string" ? one : JSON.stringify(one));
    const frame = clientFrame(1, texts.length === 1 ? texts[0]! : `[${texts.join()}]`);
    this.sent += frame.length;
    await this.#client.send(frame).catch(() => {});
  }

  /** Sends the same bytes again. */
  async sendFrame(frame: Uint8Array): Promise<void> {
    this.sent += frame.length;
    await this.#client.send(frame).catch(() => {});
  }

  /** Hangs up. */
  cut(): void {
    this.#client.cut();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(64 * 1024);
    const tooMany = new Occurrences('"limit_exceeded"');
    const replies = new Occurrences('"id":');
    const closeFrames = new CloseFrameFinder();
    const over = OVER.map((code) => new Occurrences(code));
    for (;;) {
      const count = await this.#client.conn.read(buffer).catch(() => null);
      if (count === null) break;
      this.received.bytes += count;
      const bytes = buffer.subarray(0, count);
      // Over `Deno.serve` who does not answer a goodbye stays connected.
      if (closeFrames.in(bytes)) void this.#client.send(clientFrame(8)).catch(() => {});
      const text = decoder.decode(bytes);
      this.received.tooMany += tooMany.in(text);
      this.received.replies += replies.in(text);
      for (const one of over) this.received.over += one.in(text);
    }
    this.ended = true;
    this.cut();
  }
}

/** What those are told whose wait or stream ends before its time. */
const OVER = ['"permission_denied"', '"unauthorized"', '"shutting_down"'];

/** Finds the goodbye of a server among its frames, which come in parts. */
class CloseFrameFinder {
  /** The header that has begun, and how many bytes of a payload are still to come. */
  #head: number[] = [];
  #remaining = 0;

  /** Whether it begins in the next part. */
  in(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      if (this.#remaining > 0) {
        const passed = Math.min(this.#remaining, bytes.length - at);
        this.#remaining -= passed;
        at += passed;
        continue;
      }
      const head = this.#head;
      head.push(bytes[at++]!);
      const [first = 0, short = 0] = head;
      const size = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (head.length < 2 || head.length < size) continue;
      if ((first & 15) === 8) return true;
      this.#remaining = size === 2
        ? short
        : head.slice(2).reduce((sum, byte) => 256 * sum + byte, 0);
      this.#head = [];
    }
    return false;
  }
}

/** Counts how often something occurs in a text that comes in parts. */
class Occurrences {
  readonly #what: string;
  #before = "";

  constructor(what: string) {
    this.#what = what;
  }

  /** How often it ends in the next part. */
  in(text: string): number {
    const all = this.#before + text;
    this.#before = all.slice(1 - this.#what.length);
    return all.split(this.#what).length - 1;
  }
}
