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
  /** How many of the answers that it has read were of each kind. */
  readonly heard: { tooMany: number; answers: number; bytes: number } = {
    tooMany: 0,
    answers: 0,
    bytes: 0,
  };
  /** The server has ended the connection. */
  ended = false;
  #last = "";

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
    const buffer = new Uint8Array(256 * 1024);
    for (;;) {
      const count = await this.#client.conn.read(buffer).catch(() => null);
      if (count === null) break;
      this.heard.bytes += count;
      const text = this.#last + decoder.decode(buffer.subarray(0, count));
      this.heard.tooMany += text.split('"too_many"').length - 1;
      this.heard.answers += text.split('"id":').length - 1;
      this.#last = text.slice(-8);
    }
    this.ended = true;
  }
}
