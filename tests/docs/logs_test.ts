/**
 * The page about logs names every event, as the code does.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { LOG_EVENTS } from "../../queue/log_event.ts";
import { jsonLine } from "../../server/log_line.ts";
import { graph, local } from "../support/module_graph.ts";
import { ROOT } from "../support/program.ts";

const page = await Deno.readTextFile(new URL("docs/logs.md", ROOT));

Deno.test("the page about logs has every event with its level, and no other", () => {
  const table = page.slice(page.indexOf("## Events"), page.indexOf("## What is never in it"));
  const rows = [...table.matchAll(/^\| `(\w+)` +\| (\w+) +\| (.+) \|$/gm)];
  assertEquals(rows.map(([, event, level]) => [event, level]), Object.entries(LOG_EVENTS));
  for (const [row, , , description] of rows) assert(description!.trim().length > 10, row);
});

Deno.test("every event of the log is one that something causes", async () => {
  const files = [...await graph("mod.ts"), ...await graph("cli.ts")]
    .map(({ specifier }) => specifier)
    .filter((specifier) => specifier.startsWith(ROOT.href) && specifier.endsWith(".ts"));
  const causes = files.filter((file) =>
    !["queue/log_event.ts", "server/log.ts"].includes(local(file))
  );
  const sources = (await Promise.all(
    [...new Set(causes)].map((file) => Deno.readTextFile(new URL(file))),
  )).join("\n");
  const unused = Object.keys(LOG_EVENTS).filter((event) => !sources.includes(`"${event}"`));
  assertEquals(unused, []);
});

Deno.test("the line of JSON that the page about logs shows is what a refusal makes", () => {
  const [, shown] = /```json\n([^]*?)```/.exec(page)!;
  const line = jsonLine({
    event: "request_refused",
    message: "refused a request",
    reason: "Cannot connect: a token is needed",
    address: "192.0.2.7",
    fields: { code: "unauthorized" },
    repeats: { count: 42, within: 30_000 },
  }, Date.UTC(2026, 10, 28, 0, 46, 18, 820));
  assertEquals(JSON.parse(line), JSON.parse(shown!));
  assertEquals(Object.keys(JSON.parse(line)), Object.keys(JSON.parse(shown!)));
});
