/**
 * A client without our code, which puts as fast as it can and checks its replies.
 *
 * @module
 */

import { clientFrame, RawSocket } from "../support/raw_socket.ts";

/** The server's replies. */
interface Reply {
  readonly id: number;
  readonly seq?: number;
  readonly error?: { readonly code: string };
}

/** How many puts are in a frame, and how many may be unanswered. */
const BATCH = 20;
const WINDOW = 2000;

/** Puts until the server sends a close, and answers it. */
export class RawPutter {
  /** The stored bodies, with their sequence numbers. */
  readonly acknowledged: Map<string, number> = new Map();
  /** The codes of refused puts. */
  readonly refused: string[] = [];
  /** How many puts were sent. */
  sent = 0;
  /** The close code; `undefined` if the connection was cut. */
  code: number | undefined;
  /** Resolves at the end of the connection. */
  readonly over: Promise<void>;
  readonly #client: RawSocket;
  readonly #name: string;
  readonly #topic: string;
  #answered = 0;
  /** Replies arrived out of order. */
  #disordered = false;
  #closing = false;
  #space = Promise.withResolvers<void>();

  private constructor(client: RawSocket, topic: string, name: string) {
    this.#client = client;
    this.#topic = topic;
    this.#name = name;
    this.over = Promise.all([this.#put(), this.#read()]).then(() => client.cut());
  }

  /** Connects, and starts to put into a topic. */
  static async open(port: number, topic: string, name: string): Promise<RawPutter> {
    return new RawPutter(await RawSocket.open(port), topic, name);
  }

  /** Each put up to the last that was answered was answered, in order. */
  get ordered(): boolean {
    return !this.#disordered;
  }

  async #put(): Promise<void> {
    try {
      while (!this.#closing) {
        const puts = Array.from({ length: BATCH }, () => {
          const id = this.sent++;
          return { action: "put", id, topic: this.#topic, body: this.#body(id) };
        });
        await this.#client.send(clientFrame(1, JSON.stringify(puts)));
        while (this.sent - this.#answered > WINDOW && !this.#closing) await this.#space.promise;
      }
    } catch {
      // The connection is cut: the reading side will notice.
    }
  }

  async #read(): Promise<void> {
    for (let frame; (frame = await this.#client.next()) !== undefined;) {
      const { opcode, payload } = frame;
      if (opcode === 8) {
        this.code = payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
        this.#stop();
        await this.#client.send(clientFrame(8, payload.slice(0, 2))).catch(() => {});
      } else if (opcode === 1) {
        for (const reply of [JSON.parse(new TextDecoder().decode(payload))].flat()) {
          this.#take(reply);
        }
        this.#space.resolve();
        this.#space = Promise.withResolvers();
      }
    }
    this.#stop();
  }

  #take({ id, seq, error }: Reply): void {
    this.#disordered ||= id !== this.#answered;
    this.#answered++;
    if (seq !== undefined) this.acknowledged.set(this.#body(id), seq);
    else this.refused.push(error?.code ?? "neither stored nor refused");
  }

  #stop(): void {
    this.#closing = true;
    this.#space.resolve();
  }

  #body(id: number): string {
    return `${this.#name}:${id}`;
  }
}
