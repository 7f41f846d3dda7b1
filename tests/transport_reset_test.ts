import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "node:net";
import { Budget } from "../budgets/budget.ts";
import { listen as hardened } from "../transports/node.ts";
import { BareClient } from "./support/bare_client.ts";
import { until } from "./support/bridge.ts";
import { Opened } from "./support/inn.ts";
import { soon } from "./support/soon.ts";

const SHARED = 2 ** 27;

Deno.test("hardened: what is held for connections that are reset at once is given back, whatever is known of them", async () => {
  const partial = new Budget({ own: 0, shared: SHARED });
  await using opened = await Opened.with(hardened, { partial });
  const resets = Array.from({ length: 400 }, () => {
    const socket = connect(opened.port, "127.0.0.1");
    socket.on("error", () => {});
    // Nobody knows its address any more when it is taken.
    socket.once("connect", () => socket.resetAndDestroy());
    return new Promise<void>((resolve) => socket.once("close", () => resolve()));
  });
  await Promise.all(resets);
  // All were taken once another one is answered.
  using client = await BareClient.connect(opened.port);
  await client.say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assertStringIncludes(await soon(client.head()), "200");
  client.cut();
  await until(() => partial.free === SHARED);
  assertEquals([partial.free, partial.holders, opened.inn.failures], [SHARED, 0, []]);
});
