/**
 * `dsmq tail` of several topics with large messages, whose output nobody reads for a while, as behind a pager.
 *
 * ```sh
 * deno run -A tests/faults/stalled_output.ts [SECONDS] [MESSAGES] [builtin|hardened]
 * ```
 *
 * @module
 */

import { connect } from "../../client.ts";
import { lines } from "../../cli/lines.ts";
import type { TransportChoice } from "../../server.ts";
import { ROOT } from "../support/program.ts";
import { argumentsOrExit } from "./arguments.ts";
import { ChildServer } from "./child_server.ts";
import { sleep } from "./sleep.ts";
import { type Finding, mb, none, report } from "./report.ts";

/** The options of a run. */
export interface PagerOptions {
  /** How long nobody reads. */
  readonly seconds: number;
  /** How many messages each topic has. */
  readonly messages: number;
  readonly transport: TransportChoice;
}

const TOPICS = ["a", "b", "c"];
const SIZE = 900_000;

/** How much memory the command may take beyond Deno's own: twice a stream of 4 MiB and a message for each topic. */
const MEMORY = 100e6 + TOPICS.length * 2 * (4 * 1024 * 1024 + SIZE);

/**
 * Stops reading, and then reads everything.
 *
 * @param options see {@linkcode PagerOptions}
 * @returns what was found
 */
export async function pager({ seconds, messages, transport }: PagerOptions): Promise<Finding[]> {
  await using server = await ChildServer.start({ transport });
  await using mq = await connect(server.url);
  for (const topic of TOPICS) {
    await mq.putMany(topic, Array.from({ length: messages }, (_, i) => body(topic, i)));
  }
  const total = TOPICS.length * messages;
  const words = ["tail", ...TOPICS, "--since", "start", "--count", `${total}`, "--url", server.url];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "--quiet", "cli.ts", ...words],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  await sleep(1000 * seconds);
  const memory = await peak(child.pid);
  const wrong: string[] = [];
  const next = new Map(TOPICS.map((topic) => [topic, 0]));
  for await (const batch of lines(child.stdout)) {
    for (const line of batch) {
      const topic = line.slice(0, 1);
      const i = next.get(topic) ?? -1;
      if (line !== `${topic}: ${body(topic, i)}`) wrong.push(line.slice(0, 20));
      next.set(topic, i + 1);
    }
  }
  const { code } = await child.status;
  const read = [...next.values()].reduce((sum, count) => sum + count, 0);
  return [
    { what: "messages read", seen: read, good: read === total },
    none("out of order in their topic", wrong),
    { what: "peak memory of the command", seen: mb(memory), good: memory < MEMORY },
    none("lines on standard error", (await stderr).split("\n").filter((line) => line !== "")),
    { what: "exit code", seen: code, good: code === 0 },
  ];
}

function body(topic: string, i: number): string {
  return `${topic}${i} `.padEnd(SIZE, "x");
}

/** The most memory that a process has had, in bytes. */
async function peak(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]);
}

if (import.meta.main) {
  const { SECONDS: seconds, MESSAGES: messages, TRANSPORT: transport } = argumentsOrExit({
    SECONDS: 75,
    MESSAGES: 60,
    TRANSPORT: ["builtin", "hardened"],
  });
  report(
    `Nobody reads what dsmq tail prints for ${seconds} s; ${TOPICS.length} topics of ${messages} messages, ${transport}`,
    await pager({ seconds, messages, transport }),
  );
}
