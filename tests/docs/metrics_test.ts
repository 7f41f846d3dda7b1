/**
 * The page of metrics: its table has what a server writes, and nothing else.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FileFolder } from "../support/file_folder.ts";
import { openGroups, openMeasured } from "../support/measured_server.ts";
import { parseMetrics } from "../support/metrics_text.ts";
import { ROOT } from "../support/program.ts";

const page = await Deno.readTextFile(new URL("docs/metrics.md", ROOT));

Deno.test("the table of metrics has every metric with its type, labels and help, and no other", async () => {
  using folder = new FileFolder();
  // With a file it has all of them.
  await using server = await openMeasured({ store: `sqlite:${folder.path}` });
  await openGroups(server.url);
  const families = [...parseMetrics(await server.metrics!.text()).values()];
  assert(families.length > 40);
  const written = families.map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    [...labels].map((label) => `\`${label}\``).join(", "),
    help,
  ]);
  const rows = page.split("\n").filter((line) => line.startsWith("| `"))
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
  assertEquals(rows, written);
});
