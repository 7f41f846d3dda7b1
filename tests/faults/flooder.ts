/**
 * A raw peer that sends as fast as it can, and reads what it receives or does not.
 *
 * @module
 */

import { clientFrame, RawSocket } from "../support/raw_socket.ts";

/** One connection of an attacker with a token that may read one topic. */
export class Flooder {
  readonly #client: RawSocket;
  /** How many bytes it has sent. */
  sent = 0;
  /** How many replies of each kind it has read; `over` counts those that say that something has ended. */
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

  /** Connects, and reads what arrives unless told not to. */
  static async open(port: number, reads = true): Promise<Flooder> {
    const client = await RawSocket.open(port, "Authorization: Bearer weak");
    const flooder = new Flooder(client);
    if (reads) void flooder.#read();
    return flooder;
  }

  /** Sends requests as one text frame. */
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

  /** Disconnects. */
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
      // Over `Deno.serve`, a peer that does not answer a close stays connected.
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

/** The codes of waits and streams that end early. */
const OVER = ['"permission_denied"', '"unauthorized"', '"shutting_down"'];

/** Finds the close of a server among its frames, which arrive in parts. */
class CloseFrameFinder {
  /** The header so far, and how many bytes of a payload are still missing. */
  #head: number[] = [];
  #remaining = 0;

  /** Whether the close begins in the next part. */
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

/** Counts how often something occurs in a text that arrives in parts. */
class Occurrences {
  readonly #what: string;
  #before = "";

  constructor(what: string) {
    this.#what = what;
  }

  /** How many occurrences end in the next part. */
  in(text: string): number {
    const all = this.#before + text;
    this.#before = all.slice(1 - this.#what.length);
    return all.split(this.#what).length - 1;
  }
}
