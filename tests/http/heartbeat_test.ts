/**
 * A stream to which nothing comes shows that it is there.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { EventReader } from "../support/event_reader.ts";
import { testHttp } from "../support/http_server.ts";

testHttp(
  "a stream to which nothing comes has a heartbeat every 10 s, and one that is busy has none",
  async (open) => {
    const clock = new ManualClock();
    await using server = await open({ clock });
    await using mq = await connect(server.url);
    await using events = await EventReader.events(`${server.origin}/topics/t`);
    await using lines = await EventReader.lines(`${server.origin}/topics/t`);
    await events.event();
    // What it has sent at its beginning counts.
    clock.advance(10_000);
    for (let i = 0; i < 2; i++) {
      clock.advance(10_000);
      assertEquals(await events.event(), { comment: true });
      assertEquals(await lines.line(), "");
    }
    await mq.put("t", "one");
    clock.advance(10_000);
    await mq.put("t", "two");
    assertEquals(await events.bodies(1), ["one"]);
    assertEquals(((await events.event())!.data as { body: string }).body, "two");
    assertEquals(await lines.bodies(2), ["one", "two"]);
  },
);
