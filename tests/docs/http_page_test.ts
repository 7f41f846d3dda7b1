/**
 * `docs/http.md` against a server: the commands that it shows, and what it says of statuses, limits and headers.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { TransportChoice } from "@dsmq/server";
import { STATUS_OF } from "../../http/problem.ts";
import { maxRequestFrameBytes } from "../../protocol/frame_sizes.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { noCurl, startShell } from "../support/curl.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { ROOT } from "../support/program.ts";

const page = await Deno.readTextFile(new URL("docs/http.md", ROOT));

/** A command, and what it prints. */
const EXAMPLES = [...page.matchAll(/```sh\n([^]*?)```\n\n```(http|json|text)\n([^]*?)```/g)].map(
  ([, script, form, printed]) => ({ script: script!, form: form!, printed: printed! }),
);

/** The cells of a table's rows whose first cell is a name. */
function rowsOf(heading: string): string[][] {
  const section = page.split(/^##+ /m).find((text) => text.startsWith(`${heading}\n`))!;
  return [...section.matchAll(/^\| `\w+` .*$/gm)].map(([row]) =>
    row.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  );
}

/** What a script prints: all, or of a stream as many lines. */
async function printedBy(script: string, lines: number): Promise<string[]> {
  if (!script.includes("curl -N")) {
    await using shell = startShell(script.replaceAll("curl ", "curl -sS "));
    const { code, stdout, stderr } = await shell.end();
    assertEquals([code, stderr], [0, ""], script);
    return stdout.split("\n");
  }
  await using shell = startShell(`exec ${script.replace("curl ", "curl -sS ")}`);
  const printed: string[] = [];
  while (printed.length < lines) printed.push((await shell.line())!);
  return printed;
}

for (const transport of ["builtin", "hardened"] as const) testExamples(transport);

function testExamples(transport: TransportChoice) {
  const name = `a server answers each command of the HTTP page as the page shows (${transport})`;
  Deno.test({
    ...ignoredIf(noCurl, name),
    async fn() {
      await using server = await openServer({ transport });
      const { host } = new URL(server.url);
      let [epoch, documented] = ["", ""];
      for (const { script, form, printed } of EXAMPLES) {
        const expected = printed.trimEnd().split("\n");
        const seen = (await printedBy(script.replaceAll("localhost:30008", host), expected.length))
          .map((line) => line.trimEnd());
        if (!epoch) {
          [epoch, documented] = [seen, expected].map((lines) =>
            /"position":"(.*?):/.exec(lines.at(-1)!)![1]!
          ) as [string, string];
        }
        const inWords = (line: string) =>
          line.replaceAll(epoch, documented).replaceAll(/\b1\d{12}\b/g, "1767225600000");
        const known = seen.map(inWords);
        if (form !== "http") {
          assertEquals(known.join("\n").trimEnd(), expected.join("\n"), script);
          continue;
        }
        const shown = new Set(known.slice(0, known.indexOf("")).map((line) => line.toLowerCase()));
        const end = expected.includes("") ? expected.indexOf("") : expected.length;
        for (const line of expected.slice(0, end)) {
          assert(shown.has(line.toLowerCase()), `${script}: ${line}\n${known.join("\n")}`);
        }
        assertEquals(
          known.slice(known.indexOf("")).join("\n").trim(),
          expected.slice(end).join("\n").trim(),
          script,
        );
      }
    },
  });
}

Deno.test({
  ...ignoredIf(
    noCurl,
    "the worker of the HTTP page does each job, and has those tried again that fail",
  ),
  async fn() {
    await using server = await openServer();
    const { host } = new URL(server.url);
    const folder = await Deno.makeTempDir();
    const [, script] = /```bash\n([^]*?)```/.exec(page)!;
    await Deno.writeTextFile(`${folder}/worker.sh`, script!);
    // What it is given goes where the test can read it; "bad" fails with a reason.
    const handle = `#!/bin/sh
      read -r text
      case $text in bad) echo 'no "space"' >&2; exit 1 ;; esac
      exec curl -sS -d "$text" http://${host}/topics/done`;
    await Deno.writeTextFile(`${folder}/handle`, handle, { mode: 0o700 });
    for (const body of ["one", "bad", "two"]) {
      await (await fetch(`http://${host}/topics/mails`, { method: "POST", body })).text();
    }
    const group = `http://${host}/topics/mails/groups/default`;
    const running = new Deno.Command("setsid", {
      args: ["sh", `${folder}/worker.sh`, group, `${folder}/handle`],
      env: { no_proxy: "*" },
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const seen: string[] = [];
      for (let after = "start"; seen.length < 2;) {
        const response = await fetch(`http://${host}/topics/done?after=${after}&wait=20`);
        if (response.status === 200) seen.push(await response.text());
        after = response.headers.get("dsmq-position")!;
      }
      assertEquals(seen, ["one", "two"]);
      const groupOf = async () => (await (await fetch(`http://${host}/groups`)).json()).groups[0];
      for (;;) {
        const { done, retried, delayed, held } = await groupOf();
        if (done === 2 && retried === 1) {
          assertEquals([delayed, held], [1, 0]);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    } finally {
      Deno.kill(-running.pid, "SIGTERM");
      await running.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("no command of the HTTP page is left out", () => {
  assertEquals(EXAMPLES.length, page.match(/```sh/g)!.length);
  assert(EXAMPLES.length >= 12);
});

Deno.test("the HTTP page lists each code with its status", () => {
  const documented = rowsOf("Errors").map(([code, status]) => [code, Number(status)]);
  assertEquals(documented, Object.entries(STATUS_OF));
});

Deno.test("the limits that the HTTP page names are limits, and its figure of a body is right", () => {
  const names = rowsOf("Limits").map(([name]) => name!);
  assert(names.length >= 10);
  assertEquals(names.filter((name) => !(name in LIMITS)), []);
  const lines = rowsOf("Limits").find(([name]) => name === "frameRequests")![1]!;
  const [, bytes] = /at most ([\d,]+) bytes/.exec(lines)!;
  assertEquals(bytes, maxRequestFrameBytes(DEFAULT_LIMITS).toLocaleString("en"));
});
