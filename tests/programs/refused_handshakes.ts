/**
 * A program whose first handshakes are refused after all: `deno run refused_handshakes.ts closing|failing`. Deno warns once in
 * a process, at the first response, so that it has to be a program of its own.
 *
 * @module
 */

import { Budget } from "../../budgets/budget.ts";
import { openFetch } from "../../transports/deno_fetch.ts";
import { RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { RecordingHandler } from "../support/recording_handler.ts";

const handler = new RecordingHandler();
const budget = new Budget({ own: 16_384, shared: 2 ** 27 });
const requests = await openFetch(handler, {
  frameBytes: 2 ** 20,
  partial: budget,
  unread: budget,
  headerTimeout: 8000,
  idlePingInterval: Infinity,
  slowReaderTimeout: 8000,
  after: () => () => {},
});
const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  (request, { remoteAddr }) => requests.fetch(request, remoteAddr.hostname),
);
const { upgradeWebSocket } = Deno;
if (Deno.args[0] === "closing") {
  await requests.closeAll();
} else {
  Deno.upgradeWebSocket = () => {
    throw new TypeError("it failed");
  };
}
using client = await RawSocket.connect(server.addr.port);
for (let i = 0; i < 2; i++) {
  await client.send(upgradeRequest());
  const head = await client.head();
  const text = await client.text(Number(/^content-length: (\d+)/im.exec(head)![1]));
  console.log(head.split(" ")[1], JSON.parse(text).detail);
}
Deno.upgradeWebSocket = upgradeWebSocket;
requests.resume();
await client.send(upgradeRequest());
console.log((await client.head()).split(" ")[1]);
client.cut();
await handler.until(() => handler.peers.length === 3 && handler.present === 0);
await requests.stop();
await server.shutdown();
