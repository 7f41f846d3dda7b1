/**
 * One connection of the fuzzer: what it says, and whether the server is still with it.
 *
 * @module
 */

import { CLOSE_CODE } from "../../protocol/websocket.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import type { Random } from "../support/seeded.ts";
import { decoded, type FuzzFrame, fuzzFrame } from "./fuzz_frames.ts";
import { until } from "./sleep.ts";
import { Tally } from "./tally.ts";

/** A server that has not answered after so long hangs, in milliseconds. */
const TIMEOUT = 20_000;

/** Ids that no frame has by chance. */
const OWN_IDS = 2 ** 50;

/** With what the server may close: it says so in docs/protocol.md, or RFC 6455 does. */
const DOCUMENTED = new Set<number | undefined>([
  1002, // it breaks the protocol of WebSockets
  1007, // what it calls text is none
  1009, // a frame is too large
  CLOSE_CODE.policyViolation,
  CLOSE_CODE.tryAgainLater,
  CLOSE_CODE.timedOut,
  CLOSE_CODE.sessionTakenOver,
]);

/** A connection over which anything is said. */
export class FuzzSocket {
  readonly tally: Tally = new Tally();
  /** How many frames were said. */
  frames = 0;
  /** The server closed it, with this code if with any. */
  closed = false;
  code: number | undefined;
  /** It was neither answered nor closed. */
  hanging = false;
  /** What was not answered although it is open. */
  unanswered: readonly unknown[] = [];
  readonly #client: RawSocket;
  readonly #random: Random;
  readonly #reading: Promise<void>;
  /**
   * The server may hang up without our hearing its goodbye: what was sent as text is not UTF-8, or somebody else took
   * the session while more of ours was under way, which resets the connection.
   */
  #mayBeCut = false;
  #finished = false;
  #lastOwn = OWN_IDS;

  private constructor(client: RawSocket, random: Random) {
    this.#client = client;
    this.#random = random;
    this.#reading = this.#read();
  }

  /** Opens one. */
  static async open(port: number, random: Random): Promise<FuzzSocket> {
    const headers = random(2) === 0 ? ["Sec-WebSocket-Protocol: dsmq"] : [];
    return new FuzzSocket(await RawSocket.open(port, ...headers), random);
  }

  /** Nothing more can be said. */
  get over(): boolean {
    return this.closed || this.hanging;
  }

  /** The server had no reason to close it that is written anywhere. */
  get badlyClosed(): boolean {
    return this.closed && !DOCUMENTED.has(this.code) &&
      !(this.#mayBeCut && this.code === undefined);
  }

  /** Says some frames, and waits until the server is through with them. */
  async burst(count: number): Promise<void> {
    for (let i = 0; i < count && !this.over; i++) {
      const frame = fuzzFrame(this.#random);
      if (frame.opcode === 1) {
        this.#mayBeCut ||= decoded(frame.payload)?.includes('"session"') ?? true;
      }
      this.frames++;
      await this.#send(frame);
    }
    await this.#settle();
  }

  /** Calls off what waits, and hangs up once everything is answered. */
  async finish(): Promise<void> {
    for (const wait of this.tally.expected) {
      if (typeof wait === "number") await this.#request({ action: "cancel", wait });
    }
    await this.#settle();
    await until(() => this.over || this.tally.expected.length === 0, 2000, 5);
    if (!this.over) this.unanswered = this.tally.expected;
    this.#finished = true;
    this.#client.cut();
    await this.#reading;
  }

  /** The server works off a connection in order: once this is answered, it is through. */
  async #settle(): Promise<void> {
    const id = ++this.#lastOwn;
    await this.#request({ action: "heartbeat", id });
    if (!await until(() => this.over || !this.tally.expects(id), TIMEOUT, 1)) {
      this.hanging = true;
    }
  }

  async #request(request: object): Promise<void> {
    const payload = new TextEncoder().encode(JSON.stringify(request));
    await this.#send({ opcode: 1, payload });
  }

  async #send(frame: FuzzFrame): Promise<void> {
    if (this.over) return;
    this.tally.sent(frame);
    try {
      await this.#client.send(clientFrame(frame.opcode, frame.payload));
    } catch {
      // The server has hung up; the reading comes to it.
    }
  }

  async #read(): Promise<void> {
    for (let frame; (frame = await this.#client.next()) !== undefined;) {
      const { opcode, payload } = frame;
      if (opcode === 1) this.tally.received(new TextDecoder().decode(payload));
      else if (opcode === 8) {
        this.code = payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
        break;
      }
    }
    if (this.#finished) return;
    this.closed = true;
    this.#client.cut();
  }
}
