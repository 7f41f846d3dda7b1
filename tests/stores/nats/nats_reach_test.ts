/**
 * Opening a log in NATS: servers that are not there, or not yet.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FakeNatsServer } from "../../support/fake_nats_server.ts";
import { freePort } from "../../support/free_port.ts";
import { ignoredIf } from "../../support/ignored_if.ts";
import { record, take, texts } from "../../support/log_records.ts";
import { assertRefused, openAt } from "../../support/nats_logs.ts";
import { NatsServer, noNats } from "../../support/nats_server.ts";
import { withTimeout } from "../../support/with_timeout.ts";

Deno.test("a server that is not there is told within the wait, with its name", async () => {
  const port = freePort();
  assertEquals(
    await withTimeout(assertRefused(`nats://127.0.0.1:${port}/orders`, "unavailable", 300)),
    `Cannot reach nats://127.0.0.1:${port}/orders within 0.3 s: connection refused`,
  );
});

Deno.test("a server without an address is told", async () => {
  const message = await withTimeout(
    assertRefused("nats://no-such-server.invalid/orders", "unavailable", 300),
  );
  assertMatch(message, /within 0\.3 s: no (server has such a name|connection)/);
});

Deno.test("a server that says nothing is not waited for longer than was wanted", async () => {
  await using silent = new FakeNatsServer(undefined);
  const message = await withTimeout(
    assertRefused(`nats://${silent.host}/orders`, "unavailable", 300),
  );
  assertMatch(message, /within 0\.3 s: no server answers$/);
});

Deno.test("a server that answers no request is not waited for longer than was wanted", async () => {
  await using mute = new FakeNatsServer({});
  const message = await withTimeout(
    assertRefused(`nats://${mute.host}/orders`, "unavailable", 300),
  );
  assertMatch(message, /^Cannot reach nats:\/\/.* within 0\.3 s: /);
});

Deno.test("a signal ends the wait, with its reason", async () => {
  const url = `nats://127.0.0.1:${freePort()}/orders`;
  const stop = new AbortController();
  const opening = openAt(url, 60_000, stop.signal);
  stop.abort(new RangeError("enough"));
  await withTimeout(assertRejects(() => opening, RangeError, "enough"));
  await withTimeout(assertRejects(() => openAt(url, 60_000, stop.signal), RangeError, "enough"));
});

Deno.test({
  ...ignoredIf(noNats, "a server that comes later is waited for"),
  async fn() {
    await using server = await NatsServer.start();
    await server.kill();
    const opening = openAt(`nats://${server.host}/orders`, 30_000);
    await server.run();
    await using log = await opening;
    await log.append(record("a"));
    assertEquals(texts(await take(log, 0, 1)), ["a"]);
  },
});

Deno.test({
  ...ignoredIf(noNats, "one server of several is enough"),
  async fn() {
    await using server = await NatsServer.start();
    await using log = await openAt(`nats://127.0.0.1:${freePort()},${server.host}/orders`);
    assert(log.warnings.some((text) => /versions of 1 of 2 NATS servers/.test(text)));
    await log.append(record("a"));
  },
});
