/**
 * Plain HTTP through nginx and Caddy, as `docs/guide.md` configures them.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "@dsmq/server";
import { EventReader } from "../support/event_reader.ts";
import { type GuideSite, HANDLER_SITES, SITES, startProxy } from "../support/guide_sites.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { missingProgram } from "../support/installed_program.ts";
import { openMounted } from "../support/mounted_server.ts";
import { openServer } from "../support/open_server.ts";

const OPTIONS = { auth: "a-long-secret", allowedHosts: ["mq.example.org", "example.org"] };
const TOKEN = { authorization: `Bearer ${OPTIONS.auth}` };

/** Names of topics as paths have them, and as they are. */
const TOPICS = [["a", "a"], ["a/b", "a/b"], ["a%2Fc", "a/c"], ["%C3%BC+%25", "ü+%"], [
  "a%3Fb",
  "a?b",
]];

interface OpenedServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

/** Shows that everything passes. */
async function passes({ program, site, url }: GuideSite, server: OpenedServer): Promise<void> {
  await using proxy = await startProxy(program, site, server);
  await using mq = await connect(server.url, { token: OPTIONS.auth });
  const base = url.replace("wss:", "https:").replace(/\/?$/, "/");
  const { client } = proxy;
  const send = (path: string, init: RequestInit = {}) =>
    fetch(`${base}${path}`, { client, ...init, headers: { ...TOKEN, ...init.headers } });

  for (const [path, name] of TOPICS) {
    const response = await send(`topics/${path}`, { method: "POST", body: name! });
    assertEquals(response.status, 201, path);
    await response.body?.cancel();
    assertEquals((await mq.read(name!))?.body, name);
  }
  const dots = await send("topics?topic=..", { method: "POST", body: "x".repeat(900_000) });
  assertEquals([dots.status, (await dots.json()).seq], [201, TOPICS.length + 1]);
  const read = await send("topics?topic=..");
  const after = read.headers.get("dsmq-position")!;
  assertEquals((await read.text()).length, 900_000);

  const ndjson = { "content-type": "application/x-ndjson" };
  const body = `"${"x".repeat(1000)}"\n`.repeat(2500);
  const lines = await send("topics/lines", { method: "POST", body, headers: ndjson });
  assertEquals((await lines.text()).split("\n").length, 2501);

  const waiting = send(`topics?topic=..&after=${after}&wait=60`);
  while ((await mq.connections()).length < 2) await Promise.resolve();
  await mq.put("..", "waited for", { headers: { "Content-Type": "text/plain" } });
  const waited = await waiting;
  assertEquals(waited.headers.get("dsmq-header-%43ontent-%54ype"), "text/plain");
  assertEquals(await waited.text(), "waited for");

  const accept = "text/event-stream";
  const response = await send("topics/t", { headers: { accept } });
  await using events = new EventReader(response);
  // What comes is not held back.
  assertMatch((await events.event())!.id!, /:\d+$/);
  for (const text of ["one", "two"]) {
    await mq.put("t", text);
    assertEquals(await events.bodies(1), [text]);
  }
  const problem = await send("topics/t?after=yesterday");
  assertEquals([problem.status, (await problem.json()).code], [400, "bad_request"]);
  const foreign = await send("topics/t", { headers: { origin: "https://evil.example" } });
  assertEquals([foreign.status, (await foreign.json()).code], [403, "permission_denied"]);
}

for (const site of SITES) {
  const where = `${site.program} at ${new URL(site.url).pathname}`;
  for (const transport of ["builtin", "hardened"] as const) {
    Deno.test({
      ...ignoredIf(
        await missingProgram(site.program),
        `plain HTTP passes the guide's ${where} to a server on ${transport}`,
      ),
      async fn() {
        await using server = await openServer({ transport, ...OPTIONS });
        await passes(site, server);
      },
    });
  }
}

for (const site of HANDLER_SITES) {
  Deno.test({
    ...ignoredIf(
      await missingProgram(site.program),
      `plain HTTP passes ${site.program} to a handler whose path is left on`,
    ),
    async fn() {
      await using server = openMounted({ path: "/mq", ...OPTIONS });
      await passes(site, server);
    },
  });
}
