/**
 * What a server logs of groups: who makes and deletes them, and jobs that die.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { headers } from "../auth/auth_support.ts";
import { until } from "../support/bridge.ts";
import { openLogging } from "../support/logging_server.ts";
import { RawClient } from "../support/raw_client.ts";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: who makes a group, deletes it, or has its dead jobs worked again, is an event with who has done it`, async () => {
    const auth = {
      tokens: [
        { token: "the-admin", permissions: ["admin"] as const },
        { token: "the-worker", permissions: ["work", "write"] as const },
      ],
    };
    await using logging = await openLogging({ transport, auth });
    const { port } = logging.server;
    const { events } = logging;
    using worker = await RawClient.handshake(port, headers(port, "the-worker"));
    using admin = await RawClient.handshake(port, headers(port, "the-admin"));
    const group = { topic: "t", group: "g" };
    /** What was logged since it was asked last, without who has done it. */
    const logged = () =>
      events.splice(0).map(({ event, message, fields }) => {
        const { address, identity, ...others } = fields!;
        assertEquals([address, `${identity}`.length], ["127.0.0.1", 12]);
        return [event, message.replace(`with the token ${identity} `, ""), others];
      });
    let id = 0;
    const ask = (client: RawClient, request: object) => client.request({ ...request, id: ++id });
    for (const created of [true, false]) {
      assertEquals((await ask(worker, { action: "create_group", ...group })).created, created);
    }
    assertEquals(logged(), [[
      "admin_create_group",
      'a client at 127.0.0.1 made the group "g" of topic "t"',
      group,
    ]]);
    assertEquals((await ask(worker, { action: "redrive", ...group })).redriven, 0);
    assertEquals((await ask(worker, { action: "put", topic: "t", body: "m" })).seq, 1);
    const work = { action: "work", ...group, worker: "a-worker-of-a-test", credit: 1 };
    worker.send({ ...work, id: ++id });
    // The job may come in one frame with the answer.
    const replies = [await worker.next()].flat();
    if (replies.length === 1) replies.push(await worker.next());
    const [{ sub }, { claims: [claim] }] = replies;
    assertEquals(sub, id);
    const outcomes = [{ claim, outcome: "dead" }];
    assertEquals((await ask(worker, { action: "finish", ...group, outcomes })).dead, [claim]);
    const [dead] = events.splice(0);
    assertEquals([dead!.event, dead!.message, dead!.fields, dead!.repeats], [
      "job_dead",
      'a job of the group "g" of topic "t" is dead',
      group,
      { count: 1, within: 0 },
    ]);
    await worker.send({ action: "redrive", ...group, id: ++id });
    await until(() => events.length > 0);
    assertEquals(logged(), [[
      "admin_redrive",
      'a client at 127.0.0.1 had 1 dead job of "g" of topic "t" worked again',
      { ...group, jobs: 1 },
    ]]);
    for (const deleted of [true, false]) {
      assertEquals((await ask(admin, { action: "delete_group", ...group })).deleted, deleted);
    }
    assertEquals(logged(), [[
      "admin_delete_group",
      'an administrator at 127.0.0.1 deleted the group "g" of topic "t"',
      group,
    ]]);
  });
}
