/**
 * What the log says when a server closes a connection that may not go on: no request was refused.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { type Auth, connect } from "@dsmq/server";
import { failure, headers } from "./auth_support.ts";
import { claims, SECRET, signed } from "./jwt_support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** A server whose warnings are read, and whose time stands still. */
async function logged(auth: Auth | undefined, transport: "builtin" | "hardened") {
  const warnings: string[] = [];
  const log = { ...quiet, warn: (...data: unknown[]) => void warnings.push(data.join(" ")) };
  const clock = new ManualClock();
  const server = await openServer({ transport, clock, log, ...(auth && { auth }) });
  return { server, warnings, clock, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** A connection that has said hello. */
async function opened(port: number, token?: string, more: object = {}): Promise<RawClient> {
  const raw = await RawClient.handshake(port, headers(port, token));
  assertEquals((await raw.request({ action: "hello", id: 1, ...more })).error, undefined);
  return raw;
}

const REFUSED = "dsmq: refused a request from 127.0.0.1: Access denied: the token is not valid; ";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`the log names the connection of a token that is taken away, and a refusal at the same moment, too (${transport})`, async () => {
    await using running = await logged(
      { tokens: [{ token: "gone" }, { token: "kept" }] },
      transport,
    );
    const { server, warnings } = running;
    using gone = await opened(server.port, "gone");
    using _kept = await opened(server.port, "kept");
    await server.setAuth("kept");
    assertEquals(await withTimeout(gone.closed), { code: 4401, reason: "the token is not valid" });
    const line = "dsmq: closed a connection from 127.0.0.1: its token is no longer valid";
    assertEquals(warnings, [line]);
    assertEquals(server.stats().refused, 0);

    assertEquals((await failure(connect(server.url, { token: "gone" }))).code, "unauthorized");
    assertEquals([warnings.length, warnings[1]?.startsWith(REFUSED)], [2, true], warnings[1]);
    assertEquals(server.stats().refused, 1);
  });

  Deno.test(`the log counts the connections without a token that are closed when they need one (${transport})`, async () => {
    await using running = await logged(undefined, transport);
    const { server, warnings, clock } = running;
    const all = [await opened(server.port), await opened(server.port), await opened(server.port)];
    await server.setAuth("good");
    for (const raw of all) {
      assertEquals(await withTimeout(raw.closed), { code: 4401, reason: "a token is needed" });
      raw[Symbol.dispose]();
    }
    const line = "dsmq: closed a connection from 127.0.0.1: it has no token, and now needs one";
    assertEquals(warnings, [line]);
    clock.advance(1000);
    assertEquals(warnings, [line, `${line} (and 1 more in the last second)`]);
    assertEquals(server.stats().refused, 0);
  });

  Deno.test(`the log names the connection of a JSON Web Token whose secret is taken away (${transport})`, async () => {
    await using running = await logged({ jwt: { secret: SECRET } }, transport);
    const { server, warnings, clock } = running;
    using raw = await opened(server.port, await signed(claims(clock.now())));
    await server.setAuth({ jwt: { secret: `another one: ${SECRET}` } });
    assertEquals(await withTimeout(raw.closeCode()), 4401);
    const line = "dsmq: closed a connection from 127.0.0.1: its token is no longer valid";
    assertEquals([warnings, server.stats().refused], [[line], 0]);
  });

  Deno.test(`the log names a connection that an administrator disconnects, and none whose client has a newer one (${transport})`, async () => {
    await using running = await logged({ tokens: [{ token: "good" }] }, transport);
    const { server, warnings } = running;
    const session = "session-0123456789";
    using first = await opened(server.port, "good", { session });
    using second = await opened(server.port, "good", { session });
    assertEquals(await withTimeout(first.closeCode()), 4409);
    assertEquals(warnings, []);

    await using admin = await connect(server.url, { token: "good" });
    const [other] = (await admin.connections()).filter(({ own }) => !own);
    await admin.disconnect(other!.id);
    assertEquals(await withTimeout(second.closeCode()), 4410);
    const line = "dsmq: closed a connection from 127.0.0.1: an administrator has disconnected it";
    assertEquals([warnings, server.stats().refused], [[line], 0]);
  });
}
