/**
 * A connection whose peer is the test, frame by frame: it reads when the test tells it to, or not at all.
 *
 * @module
 */

import type { Turn } from "../../budgets/turns.ts";
import type { ServerContext } from "../../connection/server_context.ts";
import type { Permissions } from "../../auth/permissions.ts";
import { ClientConnection } from "../../connection/client_connection.ts";
import type { Peer } from "../../transports/peer.ts";
import { until } from "./bridge.ts";
import { ManualTurns } from "./manual_turns.ts";
import { ALL_PERMISSIONS } from "./memory_peer.ts";

/** How a {@linkcode ManualPeer} connects. */
export interface ManualPeerOptions {
  /** The last sequence number before it connected. Default: 0. */
  readonly start?: number;
  /** What it may do. Default: everything. */
  readonly permissions?: Permissions;
  /** When its requests are carried out. Default: at once, however busy the machine is. */
  readonly turn?: Turn;
}

/** The other end of a connection. Disposing of it disconnects. */
export class ManualPeer implements Peer, Disposable {
  readonly connection: ClientConnection;
  /** All items that were sent to it, in order, whichever frame they came in. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  readonly received: any[] = [];
  /** How many bytes wait for it to read. */
  buffered = 0;
  /** How many bytes it has sent, those of an incomplete frame included; `undefined` if the transport does not know. */
  bytesReceived: number | undefined;
  /** How often the server has learned that it reads. */
  reads = 0;
  /** Who it belongs to, as far as the server knows. */
  holder: string | undefined;
  /** The code with which the server closed the connection. */
  closedWith: number | undefined;
  /** The server has dropped it. */
  isDropped = false;
  #drained: PromiseWithResolvers<void> | undefined;

  readonly turn: Turn;

  /** Connects to a server. */
  constructor(host: ServerContext, options: ManualPeerOptions = {}) {
    const { start = 0, permissions = ALL_PERMISSIONS, turn = new ManualTurns().turns.join() } =
      options;
    this.turn = turn;
    this.connection = new ClientConnection(host, this, start, permissions);
  }

  /** Sends a frame: text as it is, a request or a list of them as JSON. */
  sendFrame(frame: string | object): void {
    this.connection.receive(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Sends a request, and waits for its answer. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  async request(request: { readonly id: number; readonly [field: string]: unknown }): Promise<any> {
    const { length } = this.received;
    this.sendFrame(request);
    const reply = () => this.received.slice(length).find(({ id }) => id === request.id);
    await until(() => reply() !== undefined);
    return reply();
  }

  /** The answer to a request, if it has come. */
  // deno-lint-ignore no-explicit-any -- a test looks at what it expects
  reply(request: number): any {
    return this.received.find(({ id }) => id === request);
  }

  /** Texts of the messages that came, whatever request they answer. */
  get messages(): string[] {
    return this.received
      .flatMap(({ seq, body, bodies }) => bodies ?? (seq === undefined ? [] : [body]));
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

  assignTo(holder: string): void {
    this.holder = holder;
  }

  confirmRead(): void {
    this.reads++;
  }

  closeAndStopReading(): void {}

  drop(): void {
    this.isDropped = true;
  }

  [Symbol.dispose](): void {
    this.connection.end();
  }
}
