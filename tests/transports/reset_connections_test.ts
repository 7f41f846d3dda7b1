import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "node:net";
import { Budget } from "../../budgets/budget.ts";
import { listen as hardened } from "../../transports/node.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { until } from "../support/bridge.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { withTimeout } from "../support/with_timeout.ts";

const SHARED = 2 ** 27;

Deno.test("hardened: connections that are reset at once leave nothing behind, whatever is known about them", async () => {
  const partial = new Budget({ own: 0, shared: SHARED });
  await using opened = await OpenPort.with(hardened, { partial });
  const resets = Array.from({ length: 400 }, () => {
    const socket = connect(opened.port, "127.0.0.1");
    socket.on("error", () => {});
    // Its address is no longer known when it is accepted.
    socket.once("connect", () => socket.resetAndDestroy());
    return new Promise<void>((resolve) => socket.once("close", () => resolve()));
  });
  await Promise.all(resets);
  // All were accepted once another one is answered.
  using client = await RawSocket.connect(opened.port);
  await client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assertStringIncludes(await withTimeout(client.head()), "200");
  client.cut();
  await until(() => partial.free === SHARED);
  assertEquals([partial.free, partial.holders, opened.handler.failures], [SHARED, 0, []]);
});
