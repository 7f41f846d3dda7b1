/**
 * Measures plain HTTP: beside a bare `Deno.serve`, and beside our own WebSocket.
 *
 * Rounds alternate, so that both sides of a pair see the same machine; a comparison is the median of its pairs, and its spread half
 * their interquartile range. Servers are pinned to one core, the client to the other. CPU times are those of the server's process.
 *
 * Run it with `deno task bench:http`, with names of scenarios for some of them, and with `--save` to write `bench/http.md`. It ends
 * with 1 if a goal is missed.
 *
 * @module
 */

import { Progress } from "../cli/measure/progress.ts";
import { formatMarkdownTable } from "../cli/measure/table.ts";
import { cells, HEAD, judge, type JudgedComparison } from "./http/comparison.ts";
import { eventFanOut } from "./http/event_fan_out.ts";
import type { HttpScenario } from "./http/http_scenario.ts";
import { idleReaders } from "./http/idle_readers.ts";
import { onePost } from "./http/one_post.ts";
import { postLines } from "./http/post_lines.ts";
import { saveReport } from "./machine.ts";
import { Processes } from "./processes.ts";

const ALL: readonly HttpScenario[] = [onePost, postLines, eventFanOut, idleReaders];

/** What a reader of the figures has to know. */
const NOTES = [
  "- Rounds alternate: what is compared is the median of their pairs, ± half the interquartile range. Figures beside it are medians.",
  "- CPU times are those of the server's process, for each message, or each message that reaches a reader.",
  "- In batches, all readers have one batch before the next is put, so both sides send the same frames. With 256 in flight, as in the fan-out of [results.md](results.md), each side makes its own.",
  "- Of what a POST takes beyond a bare server, about a third is for the checks of Host, origin and address and the slot among the connections, when one part after the other was left out. To read the body within its bounds, to read its headers, and to store it share the rest. Quicker ways to read the address and the headers were tried, and gained nothing that can be seen.",
  "- Memory is resident memory after the garbage was collected, with a fixed space for new objects; the first thousand readers are not counted.",
];

const names = Deno.args.filter((argument) => argument !== "--save");
const unknown = names.find((name) => !ALL.some((scenario) => scenario.name === name));
if (unknown !== undefined) {
  console.error(`bench:http has ${ALL.map(({ name }) => name).join(", ")}, got ${unknown}`);
  Deno.exit(2);
}
const scenarios = ALL.filter(({ name }) => names.length === 0 || names.includes(name));

let running: Processes | undefined;
const interrupted = () => void running?.[Symbol.asyncDispose]().then(() => Deno.exit(130));
Deno.addSignalListener("SIGINT", interrupted);
const progress = new Progress(scenarios.length);
const judged: JudgedComparison[] = [];
for (const scenario of scenarios) {
  progress.step(scenario.name);
  await using processes = running = new Processes();
  judged.push(...(await scenario.run(processes)).map(judge));
}
progress.end();
Deno.removeSignalListener("SIGINT", interrupted);

const table = formatMarkdownTable(HEAD, judged.map(cells));
console.log(table);
if (Deno.args.includes("--save")) {
  const report = `${table}\n\n${NOTES.join("\n")}`;
  await saveReport("http", "Plain HTTP", "deno task bench:http --save", report);
}
if (judged.some(({ isMissed }) => isMissed)) Deno.exitCode = 1;
