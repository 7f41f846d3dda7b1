/**
 * The connections of clients that may be stuck: whoever opened them, they can be closed.
 *
 * @module
 */

import { connect, type Connection, type ConnectOptions } from "../../client.ts";
import { RawSocket } from "../support/raw_socket.ts";

/** Opens connections, and closes those that are still open when it is disposed of. */
export class OpenConnections implements AsyncDisposable {
  readonly #signal: AbortSignal;
  readonly #connections = new Set<Connection>();
  readonly #sockets: RawSocket[] = [];
  #isClosed = false;

  /** Opens nothing yet. The signal cancels connecting. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Connects a client. */
  async connect(url: string, options: ConnectOptions = {}): Promise<Connection> {
    const connection = await connect(url, { ...options, signal: this.#signal });
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    if (this.#isClosed) await connection.close();
    return connection;
  }

  /** Connects a client that sends frames of its own. */
  async openRaw(port: number): Promise<RawSocket> {
    const socket = await RawSocket.open(port);
    this.#sockets.push(socket);
    if (this.#isClosed) socket.cut();
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.cut();
    await Promise.all([...this.#connections].map((connection) => connection.close()));
  }
}
