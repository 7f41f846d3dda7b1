/**
 * A program whose server is hostile, seen from outside: its calls, its memory, and another
 * connection that it has to an honest server.
 *
 * As a program, this file is that program: its argument is a {@linkcode VictimOptions} as JSON, and it prints a
 * {@linkcode Damage} in the end.
 *
 * @module
 */

import { connect } from "@dsmq/server/client";
import { quantile } from "../../cli/measure/quantiles.ts";
import { ROOT } from "../support/program.ts";
import { Outcomes, Uncaught } from "./outcomes.ts";
import { sleep } from "./sleep.ts";

/** What the program connects to, and with which WebSocket. */
export interface VictimOptions {
  readonly hostile: string;
  readonly honest: string;
  /** Our WebSocket, or that of the platform, as in a browser. */
  readonly socket: "ours" | "platform";
  /** How long its calls may take, in milliseconds; then it closes. */
  readonly time: number;
}

/** The result. Times are in milliseconds, sizes in bytes. */
export interface Damage {
  readonly outcomes: Outcomes["seen"];
  /** Calls that were still pending a second after it had closed the connection. */
  readonly unsettled: number;
  /** Uncaught exceptions and rejections. */
  readonly uncaught: readonly string[];
  /** Of puts over the honest connection. */
  readonly p99: number;
  readonly longest: number;
  readonly growth: number;
}

/** Runs the program in its own process; a process that ends by itself is an error. */
export async function victim(options: VictimOptions): Promise<Damage> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", PROGRAM, JSON.stringify(options)],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { code, stdout, stderr } = await child.output();
  const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (code !== 0) {
    throw new Error(`The program has ended with ${code}: ${errors!.slice(0, 2000)}`);
  }
  return JSON.parse(output!);
}

const PROGRAM = new URL("tests/faults/hostile_victim.ts", ROOT).href;

async function main({ hostile, honest, socket, time }: VictimOptions): Promise<void> {
  using uncaught = new Uncaught();
  const neighbour = await connect(honest);
  for (let i = 0; i < 20; i++) await neighbour.put("neighbour", "warm");
  const before = Deno.memoryUsage().rss;
  let max = before;
  let going = true;
  const took: number[] = [];
  const putting = (async () => {
    while (going) {
      const began = performance.now();
      await neighbour.put("neighbour", "hello");
      took.push(performance.now() - began);
      max = Math.max(max, Deno.memoryUsage().rss);
      await sleep(5);
    }
  })();

  const outcomes = new Outcomes();
  const dial = (url: string, protocols: string[]) => new WebSocket(url, protocols);
  const connecting = connect(hostile, {
    timeout: 2000,
    heartbeatInterval: 1000,
    reconnect: { minDelay: 10, timeout: 1000 },
    ...(socket === "platform" && { dial }),
  });
  const mq = await connecting.catch(() => undefined);
  if (!mq) await outcomes.of(connecting);
  else {
    const streams = [
      mq.subscribe("t", { onGap: () => "oldest" }),
      mq.subscribe("t", { since: "start" }),
    ];
    const reading = streams.map(async (stream) => {
      for await (const _ of stream);
    });
    const calls = [
      ...reading,
      mq.put("t", "one"),
      mq.putMany("t", ["one", "two", "three"]),
      mq.get("t"),
      mq.getLatest("t"),
      mq.getWait("t", { timeout: 500 }),
      mq.topics(),
    ].map((call) => outcomes.of(call));
    await Promise.race([Promise.all(calls), sleep(time)]);
    await mq.close();
    await sleep(0);
  }
  going = false;
  await putting;
  const damage: Damage = {
    outcomes: outcomes.seen,
    unsettled: outcomes.unsettled,
    uncaught: uncaught.found,
    p99: quantile(took, 0.99),
    longest: Math.max(...took),
    growth: max - before,
  };
  console.log(JSON.stringify(damage));
  Deno.exit(0);
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]!));
