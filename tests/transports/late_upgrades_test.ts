/**
 * Requests that are complete only after their time is over.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Server, type Socket } from "node:net";
import { listen as hardened } from "../../transports/node.ts";
import { REQUEST_TIMEOUT_CODE } from "../../transports/node_http_refusal.ts";
import { RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { turns, until } from "../support/bridge.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** The error of `node:http` for a late request. */
const late = () => Object.assign(new Error("Request timeout"), { code: REQUEST_TIMEOUT_CODE });

/** An upgrade as `node:http` reports it. */
function upgradeOf(socket: Socket): object {
  const rawHeaders = upgradeRequest().trim().split("\r\n").slice(1).flatMap((line) =>
    line.split(": ")
  );
  return { method: "GET", url: "/", headers: { upgrade: "websocket" }, rawHeaders, socket };
}

Deno.test("hardened: a late upgrade that is complete before its turn to be ended is disconnected", async () => {
  const { listen } = Server.prototype;
  let server: Server | undefined;
  Server.prototype.listen = function (this: Server, ...args: Parameters<typeof listen>) {
    server = this;
    return listen.apply(this, args);
  } as typeof listen;
  await using opened = await OpenPort.with(hardened).finally(() =>
    Server.prototype.listen = listen
  );
  const sockets: Socket[] = [];
  server!.on("connection", (socket: Socket) => void sockets.push(socket));
  const connect = () => RawSocket.connect(opened.port);
  const clients = await Promise.all(Array.from({ length: 20 }, connect));
  await until(() => sockets.length === clients.length);
  let admitted = 0;
  const { admit } = opened.handler;
  opened.handler.admit = (request, from) => (admitted++, admit(request, from));
  // A few are ended at once, the others in their turns.
  for (const socket of sockets) server!.emit("clientError", late(), socket);
  const last = sockets.at(-1)!;
  assertEquals([sockets[0]!.destroyed, last.destroyed], [true, false]);
  server!.emit("upgrade", upgradeOf(last), last, new Uint8Array());
  await turns(20);
  assertEquals([admitted, last.destroyed, opened.handler.failures], [0, true, []]);
  for (const client of clients) {
    assertEquals(await withTimeout(client.discard(1024)), 0);
    client.cut();
  }
});
