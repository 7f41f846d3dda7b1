/**
 * A connection of which the test is the peer, frame by frame: it reads when the test says so, or not at all.
 *
 * @module
 */

import type { Turn } from "../../budgets/turns.ts";
import type { Host } from "../../queue/host.ts";
import type { Leave } from "../../queue/leave.ts";
import { Session } from "../../queue/session.ts";
import type { Wire } from "../../queue/wire.ts";
import { until } from "./bridge.ts";
import { ManualTurns } from "./manual_turns.ts";
import { EVERYTHING } from "./peer.ts";

/** How a {@linkcode ManualPeer} connects. */
export interface ManualPeerOptions {
  /** The last sequence number before it connected. Default: 0. */
  readonly start?: number;
  /** What it may do. Default: everything. */
  readonly leave?: Leave;
  /** When what it asks for is done. Default: at once, however busy the machine is. */
  readonly turn?: Turn;
}

/** The other end of a connection. Disposing of it hangs up. */
export class ManualPeer implements Wire, Disposable {
  readonly session: Session;
  /** All that was sent to it, in order, whichever frame it came in. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  readonly received: any[] = [];
  /** How many bytes wait for it to read. */
  buffered = 0;
  /** How many bytes it has sent, also of a frame that is not complete; `undefined` if the transport does not know. */
  bytesReceived: number | undefined;
  /** How often the server has learned that it reads. */
  reads = 0;
  /** Whose it is, as far as the server knows. */
  holder: string | undefined;
  /** With which code the server closed the connection. */
  closedWith: number | undefined;
  #drained: PromiseWithResolvers<void> | undefined;

  readonly turn: Turn;

  /** Connects to a server. */
  constructor(host: Host, options: ManualPeerOptions = {}) {
    const { start = 0, leave = EVERYTHING, turn = new ManualTurns().turns.join() } = options;
    this.turn = turn;
    this.session = new Session(host, this, start, leave);
  }

  /** Sends a frame: text as it is, a request or a list of them as JSON. */
  tell(frame: string | object): void {
    this.session.receive(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Sends a request, and waits for its answer. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  async ask(request: { readonly id: number; readonly [field: string]: unknown }): Promise<any> {
    const { length } = this.received;
    this.tell(request);
    const answer = () => this.received.slice(length).find(({ id }) => id === request.id);
    await until(() => answer() !== undefined);
    return answer();
  }

  /** The answer to a request, if it has come. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  answer(asked: number): any {
    return this.received.find(({ id }) => id === asked);
  }

  /** Texts of the messages that came, whatever asked for them. */
  get messages(): string[] {
    return this.received
      .flatMap(({ seq, message, messages }) => messages ?? (seq === undefined ? [] : [message]));
  }

  /** Reads nothing more: this many bytes wait for it. */
  stopReading(bytes: number): void {
    this.buffered = bytes;
  }

  /** Reads all that waits. */
  read(): void {
    this.buffered = 0;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  send(frame: string): void {
    this.received.push(...[JSON.parse(frame)].flat());
  }

  drained(): Promise<void> {
    if (this.buffered === 0) return Promise.resolve();
    return (this.#drained ??= Promise.withResolvers()).promise;
  }

  close(code: number): void {
    this.closedWith = code;
  }

  belongsTo(holder: string): void {
    this.holder = holder;
  }

  hasRead(): void {
    this.reads++;
  }

  drop(): void {}

  [Symbol.dispose](): void {
    this.session.end();
  }
}
