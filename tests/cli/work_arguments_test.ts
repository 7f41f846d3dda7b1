/**
 * What `dsmq work` takes.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { runCommands } from "../support/run_commands.ts";

Deno.test("wrong arguments of work are told before anything is done", async () => {
  const cases: readonly (readonly [args: readonly string[], message: string])[] = [
    [["t"], "work needs TOPIC -- COMMAND [ARGUMENT...]"],
    [["t", "true"], "work takes TOPIC -- COMMAND [ARGUMENT...], with -- behind one TOPIC"],
    [
      ["t", "u", "--", "true"],
      "work takes TOPIC -- COMMAND [ARGUMENT...], with -- behind one TOPIC",
    ],
    [["--", "t", "true"], "work takes TOPIC -- COMMAND [ARGUMENT...], with -- behind one TOPIC"],
    [
      ["t", "--concurrency", "0", "--", "true"],
      '--concurrency must be a whole number from 1 to 16384, got "0"',
    ],
    [
      ["t", "--lease", "1ms", "--", "true"],
      '--lease must be a duration such as 600, 90s, 10m or 2h, from 1s to 2147483647ms, got "1ms"',
    ],
    [["t", "--group", "\n", "--", "true"], 'a group has no control characters, got "\\n"'],
    [
      ["a*b", "--", "true"],
      'a * must be the last character of a topic (news.* means every topic that begins with news.), got an earlier one in "a*b"; with --exact it is part of a name',
    ],
  ];
  const outcomes = await runCommands(cases.map(([args]) => ["work", ...args]));
  for (const [i, [, message]] of cases.entries()) {
    assertEquals([outcomes[i]!.code, outcomes[i]!.stderr], [
      2,
      `dsmq: ${message} (see dsmq work --help)`,
    ]);
  }
});
