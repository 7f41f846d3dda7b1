/**
 * A store that fails under requests: each gets a coded answer, and once the store works again, so does everything else.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EventReader } from "../support/event_reader.ts";
import { FailingFile } from "../support/failing_file.ts";
import { problemOf } from "../support/http_server.ts";
import { serveStore } from "../support/served_store.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What reads, and the form that it asks for. */
const READS: readonly [path: string, accept: string][] = [
  ["/topics/t", "text/plain"],
  ["/topics/t?count=9", "application/json"],
  ["/topics/t?wait=60&after=now", "text/plain"],
  ["/topics/t", "text/event-stream"],
  ["/topics/t", "application/x-ndjson"],
  ["/messages?prefix=t", "text/plain"],
  ["/messages?prefix=t", "text/event-stream"],
  ["/topics", "application/json"],
];

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`while the store fails each request gets its code at once, and streams go on once it works again (${transport})`, async () => {
    await using file = new FailingFile();
    await using server = await serveStore(file.store, { transport }, file.clock);
    const origin = `http://127.0.0.1:${server.port}`;
    const post = (body: string, type = "text/plain") =>
      fetch(`${origin}/topics/t`, { method: "POST", body, headers: { "content-type": type } });
    assertEquals(await statusOf(post("first")), 201);
    await using events = await EventReader.events(`${origin}/topics/t`);
    await using lines = await EventReader.lines(`${origin}/messages`);
    await events.event();
    for (let round = 0; round < 3; round++) {
      let isBroken = false;
      file.before = (sql) => isBroken && sql === "open" || (sql === "COMMIT" && (isBroken = true));
      const unknown = await withTimeout(post("lost"));
      assertEquals([unknown.status, (await problemOf(unknown)).code], [500, "unknown_outcome"]);
      const refused = await withTimeout(post("lost"));
      assertEquals([refused.status, (await problemOf(refused)).code], [503, "unavailable"]);
      const refusedLines = await withTimeout(post('"lost"\n"lost"', "application/x-ndjson"));
      assertEquals(refusedLines.status, 200);
      for (const line of (await refusedLines.text()).trim().split("\n")) {
        assertEquals(JSON.parse(line).code, "unavailable");
      }
      for (const [path, accept] of READS) {
        const answered = await withTimeout(fetch(`${origin}${path}`, { headers: { accept } }));
        const { code } = await problemOf(answered);
        assertEquals([answered.status, code], [503, "unavailable"], `${path} as ${accept}`);
      }
      file.repair();
      assertEquals(await statusOf(post(`round ${round}`)), 201);
      assertEquals(await events.bodies(1), [`round ${round}`]);
      assertEquals(await lines.bodies(1), [`round ${round}`]);
      for (const [path] of READS) {
        if (!path.includes("wait")) assertEquals(await statusOf(fetch(`${origin}${path}`)), 200);
      }
    }
  });
}

/** The status of a response whose body does not matter. */
async function statusOf(request: Promise<Response>): Promise<number> {
  const response = await withTimeout(request);
  await response.body?.cancel();
  return response.status;
}
