/**
 * Keeps the process alive when a server resets a connection that nats.js has given up.
 *
 * nats.js (3.4.0) takes all listeners from a socket before it destroys it. On Deno (2.9.6) a reset that has arrived by then is
 * still emitted, as an `error` that nobody listens to, which ends the process: seen with two servers of which one refuses the
 * password.
 *
 * @module
 */

/** The part of `node:net`'s sockets that is used. */
interface NodeSocket {
  on(event: "error", listener: () => void): unknown;
  removeAllListeners(event?: string): unknown;
}

type MakeSocket = (...args: unknown[]) => Promise<NodeSocket> | NodeSocket;

/** The class of nats.js that makes sockets, and where it does. */
export interface NodeTransport {
  readonly prototype: Record<"dial" | "tlsFirst" | "startTLS", MakeSocket>;
}

const guarded = new WeakSet<NodeTransport>();

/**
 * Gives each socket that will be made a listener that stays.
 *
 * @param transport the class; a second call with it does nothing
 */
export function guardSockets(transport: NodeTransport): void {
  if (guarded.has(transport)) return;
  guarded.add(transport);
  for (const method of ["dial", "tlsFirst", "startTLS"] as const) {
    const make = transport.prototype[method];
    transport.prototype[method] = async function (...args) {
      return withListener(await make.apply(this, args));
    };
  }
}

function withListener(socket: NodeSocket): NodeSocket {
  const remove = socket.removeAllListeners;
  const ignore = () => {};
  socket.removeAllListeners = function (...args) {
    remove.apply(this, args);
    return this.on("error", ignore);
  };
  socket.on("error", ignore);
  return socket;
}
