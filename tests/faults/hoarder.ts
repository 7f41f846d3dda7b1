/**
 * A raw peer that sends as fast as it can and reads what it is sent, or does not.
 *
 * @module
 */

import { BareClient, clientFrame } from "../support/bare_client.ts";

/** One connection of an attacker with a token that may read one topic. */
export class Hoarder {
  readonly #client: BareClient;
  /** How many bytes it has sent. */
  sent = 0;
  /** How many of the answers that it has read were of each kind; `over` are those that say that something has ended. */
  readonly heard: { tooMany: number; answers: number; over: number; bytes: number } = {
    tooMany: 0,
    answers: 0,
    over: 0,
    bytes: 0,
  };
  /** The server has ended the connection. */
  ended = false;

  private constructor(client: BareClient) {
    this.#client = client;
  }

  /** Connects, and reads what comes, unless it is told not to. */
  static async open(port: number, reads = true): Promise<Hoarder> {
    const client = await BareClient.open(port, "Authorization: Bearer weak");
    const hoarder = new Hoarder(client);
    if (reads) void hoarder.#read();
    return hoarder;
  }

  /** Sends requests as one frame of text. */
  async send(...requests: readonly (string | object)[]): Promise<void> {
    const texts = requests.map((one) => typeof one === "string" ? one : JSON.stringify(one));
    const frame = clientFrame(1, texts.length === 1 ? texts[0]! : `[${texts.join()}]`);
    this.sent += frame.length;
    await this.#client.say(frame).catch(() => {});
  }

  /** Sends the same bytes again. */
  async say(frame: Uint8Array): Promise<void> {
    this.sent += frame.length;
    await this.#client.say(frame).catch(() => {});
  }

  /** Hangs up. */
  cut(): void {
    this.#client.cut();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(64 * 1024);
    const tooMany = new Occurrences('"too_many"');
    const answers = new Occurrences('"id":');
    const goodbye = new Goodbye();
    const over = OVER.map((code) => new Occurrences(code));
    for (;;) {
      const count = await this.#client.conn.read(buffer).catch(() => null);
      if (count === null) break;
      this.heard.bytes += count;
      const bytes = buffer.subarray(0, count);
      // Over `Deno.serve` who does not answer a goodbye stays connected.
      if (goodbye.in(bytes)) void this.#client.say(clientFrame(8)).catch(() => {});
      const text = decoder.decode(bytes);
      this.heard.tooMany += tooMany.in(text);
      this.heard.answers += answers.in(text);
      for (const one of over) this.heard.over += one.in(text);
    }
    this.ended = true;
    this.cut();
  }
}

/** What those are told whose wait or stream ends before its time. */
const OVER = ['"not_allowed"', '"unauthorized"', '"stopping"'];

/** Finds the goodbye of a server among its frames, which come in parts. */
class Goodbye {
  /** The header that has begun, and how many bytes of a payload are still to come. */
  #head: number[] = [];
  #left = 0;

  /** Whether it begins in the next part. */
  in(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const passed = Math.min(this.#left, bytes.length - at);
        this.#left -= passed;
        at += passed;
        continue;
      }
      const head = this.#head;
      head.push(bytes[at++]!);
      const [first = 0, short = 0] = head;
      const size = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (head.length < 2 || head.length < size) continue;
      if ((first & 15) === 8) return true;
      this.#left = size === 2 ? short : head.slice(2).reduce((sum, byte) => 256 * sum + byte, 0);
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
