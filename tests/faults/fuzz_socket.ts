/**
 * One connection of the fuzzer: what it sends, and whether the server still answers.
 *
 * @module
 */

import { CLOSE_CODE } from "../../protocol/websocket.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import type { Random } from "../../testing/seeded.ts";
import { decoded, type FuzzFrame, fuzzFrame } from "./fuzz_frames.ts";
import { until } from "./sleep.ts";
import { Tally } from "./tally.ts";

/** A server that has not answered after this long hangs, in milliseconds. */
const TIMEOUT = 20_000;

/** Ids that no random frame has. */
const OWN_IDS = 2 ** 50;

/** The codes with which the server may close, by docs/protocol.md or RFC 6455. */
const DOCUMENTED = new Set<number | undefined>([
  1002, // a violation of the WebSocket protocol
  1007, // text that is not UTF-8
  1009, // a frame is too large
  CLOSE_CODE.policyViolation,
  CLOSE_CODE.tryAgainLater,
  CLOSE_CODE.timedOut,
  CLOSE_CODE.sessionTakenOver,
  CLOSE_CODE.disconnected,
]);

/** A connection that sends anything. */
export class FuzzSocket {
  readonly tally: Tally = new Tally();
  /** How many frames were sent. */
  frames = 0;
  /** The server closed it, with this code if any. */
  closed = false;
  code: number | undefined;
  /** It was neither answered nor closed. */
  hanging = false;
  /** Unanswered requests of an open connection. */
  unanswered: readonly unknown[] = [];
  readonly #client: RawSocket;
  readonly #random: Random;
  readonly #reading: Promise<void>;
  /**
   * The server may disconnect without a close that we see: the text was not UTF-8, or another connection took over
   * the session, or we had it closed, while more of our data was in flight, which resets the connection.
   */
  #mayBeCut = false;
  #finished = false;
  /** What the server calls this connection, once a list has shown it. */
  #name: string | undefined;
  #lastOwn = OWN_IDS;

  private constructor(client: RawSocket, random: Random) {
    this.#client = client;
    this.#random = random;
    this.#reading = this.#read();
  }

  /** Opens a connection. */
  static async open(port: number, random: Random): Promise<FuzzSocket> {
    const headers = random(2) === 0 ? ["Sec-WebSocket-Protocol: dsmq"] : [];
    return new FuzzSocket(await RawSocket.open(port, ...headers), random);
  }

  /** Nothing more can be sent. */
  get over(): boolean {
    return this.closed || this.hanging;
  }

  /** The server closed it for no documented reason. */
  get badlyClosed(): boolean {
    return this.closed && !DOCUMENTED.has(this.code) &&
      !(this.#mayBeCut && this.code === undefined);
  }

  /** Sends some frames, and waits until the server has processed them. */
  async burst(count: number): Promise<void> {
    for (let i = 0; i < count && !this.over; i++) {
      const frame = fuzzFrame(this.#random);
      if (frame.opcode === 1) {
        this.#mayBeCut ||= decoded(frame.payload)?.includes('"session"') ?? true;
      }
      this.frames++;
      await this.#send(frame);
      if (this.#name !== undefined && this.#random(200) === 0) await this.#disconnect(this.#name);
    }
    await this.#settle();
  }

  /** Cancels pending waits, and disconnects once everything is answered. */
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

  /** Has the server close this connection, with requests behind that. */
  async #disconnect(connection: string): Promise<void> {
    this.#mayBeCut = true;
    await this.#request({ action: "disconnect", id: ++this.#lastOwn, connection });
  }

  /** The server processes a connection in order: once this is answered, it is done. */
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
      // The server has disconnected; the reading side will notice.
    }
  }

  async #read(): Promise<void> {
    for (let frame; (frame = await this.#client.next()) !== undefined;) {
      const { opcode, payload } = frame;
      if (opcode === 1) {
        const text = new TextDecoder().decode(payload);
        this.tally.received(text);
        this.#name ??= /"id":"([a-z]+-\d+)"[^{}]*"own":true/.exec(text)?.[1];
      } else if (opcode === 8) {
        this.code = payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
        break;
      }
    }
    if (this.#finished) return;
    this.closed = true;
    this.#client.cut();
  }
}
