/**
 * Options that an object inherits, as that of a class does: none is lost on the way.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, serve } from "@dsmq/server";
import { parseServeOptions } from "../../server/options.ts";
import { failure } from "../auth/auth_support.ts";
import { quiet } from "../support/open_server.ts";

/** Members that are inherited. */
const inherited = <T extends object>(members: T): T => Object.create(members);

Deno.test("what the options of a server inherit counts as their own", async () => {
  const folder = await Deno.makeTempDir();
  class Options {
    get auth() {
      return "good";
    }
    get limits() {
      return inherited({ messageBytes: 5, totalCursors: 3e6 });
    }
  }
  const store: `sqlite:${string}` = `sqlite:${folder}/queue.db`;
  const members = { port: 0, retention: 5000, store, log: quiet, allowShutdown: true };
  const options = inherited(Object.assign(new Options(), members));
  try {
    const { port, retention, store, limits, setLimits, allowShutdown } = parseServeOptions(options);
    assertEquals({ port, retention, store, allowShutdown }, {
      ...{ port: 0, retention: 5000, store: members.store, allowShutdown: true },
    });
    assertEquals([limits.messageBytes, setLimits], [5, { messageBytes: 5, totalCursors: 3e6 }]);
    await using server = await serve(options);
    assertEquals((await failure(connect(server.url))).code, "unauthorized");
    await using mq = await connect(server.url, { token: "good" });
    assertEquals([mq.durability, mq.maxMessageBytes], ["disk", 5]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
