/**
 * A program that has a server, stops it, and has to end by itself, though clients have left in the middle of their
 * handshakes: while their token was checked, and at once. `deno run departed_clients.ts serve|handler builtin|hardened
 * verify|token|none`
 *
 * @module
 */

import { createHandler, serve, type TransportChoice } from "../../mod.ts";
import { RawSocket, upgradeRequest } from "../support/raw_socket.ts";

const [kind, transport, way] = Deno.args;
const CLIENTS = 100;

let checks = 0;
const checking = Promise.withResolvers<void>();
const gate = Promise.withResolvers<void>();
const verify = async () => {
  if (++checks === CLIENTS) checking.resolve();
  await gate.promise;
  return { permissions: ["read"] as const };
};
const auth = way === "verify" ? { verify } : way === "token" ? "abc" : { anonymous: {} };
const limits = { pendingConnections: 10 * CLIENTS };

async function open(): Promise<{ port: number; stop(): Promise<void> }> {
  if (kind === "serve") {
    const server = await serve({ port: 0, auth, limits, transport: transport as TransportChoice });
    return { port: server.port, stop: () => server.shutdown() };
  }
  const handler = createHandler({ auth, limits });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handler.fetch);
  const stop = async () => {
    await handler.shutdown();
    await server.shutdown();
  };
  return { port: server.addr.port, stop };
}

const { port, stop } = await open();
const clients = await Promise.all(Array.from({ length: CLIENTS }, async () => {
  const client = await RawSocket.connect(port);
  await client.send(upgradeRequest("Authorization: Bearer abc", "Sec-WebSocket-Protocol: dsmq"));
  if (way !== "verify") client.cut();
  return client;
}));
if (way === "verify") {
  await checking.promise;
  for (const client of clients) client.cut();
}
/** Once this is answered, the server has seen all that came before. */
const health = await fetch(`http://127.0.0.1:${port}/health`);
console.log(await health.text());
gate.resolve();
await stop();
console.log("stopped");
