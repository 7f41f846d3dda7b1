/**
 * An honest client in its own process, and what it notices of attacks on the server.
 *
 * As a program, this file is that client: it puts one small message after another, 5 ms apart, and for each line that
 * it reads, it prints how long its puts took since the last one.
 *
 * @module
 */

import { connect } from "@dsmq/server/client";
import { lines } from "../../cli/lines.ts";
import { quantile } from "../../cli/measure/quantiles.ts";
import { endWithParent } from "../support/end_with_parent.ts";
import { ROOT } from "../support/program.ts";
import type { ChildServer } from "./child_server.ts";
import { sleep } from "./sleep.ts";

/** How long puts took, in milliseconds. */
export interface Noticed {
  readonly puts: number;
  readonly p99: number;
  /** The longest, or the put in flight if that has taken longer. */
  readonly longest: number;
  /** How much of that time it or the server waited for a processor core. */
  readonly coreless: number;
  /** How many puts failed, and how often the connection broke. */
  readonly failed: number;
}

/** An honest client. It ends when it is disposed of. */
export class Neighbour implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: AsyncGenerator<string[]>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#stdout = lines(child.stdout);
  }

  /**
   * Starts a client; it is connected and has put something when this resolves.
   *
   * @param server whose neighbour it is
   * @param token its token, if it needs one
   * @param url where the server is. Default: without TLS
   */
  static async start(
    server: ChildServer,
    token?: string,
    url: string = server.url,
  ): Promise<Neighbour> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", PROGRAM, url, `${server.pid}`, ...token ? [token] : []],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const neighbour = new Neighbour(child);
    await neighbour.noticed();
    return neighbour;
  }

  /** What it has noticed since the last call. */
  async noticed(): Promise<Noticed> {
    await this.#writer.write(new TextEncoder().encode("\n"));
    const { done, value } = await this.#stdout.next();
    if (done) throw new Error("The neighbour has ended");
    return JSON.parse(value[0]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#child.status;
  }
}

/** The effect of an attack on others. Sizes are in bytes. */
export interface Harm extends Noticed {
  /** The peak memory of the server beyond what it had before. */
  readonly growth: number;
}

/**
 * Attacks a server that has an honest neighbour.
 *
 * @param server the server; it must be alive afterwards
 * @param neighbour the client that measures
 * @param attack resolves when it is over
 * @returns its effect on others meanwhile
 */
export async function harmBy(
  server: ChildServer,
  neighbour: Neighbour,
  attack: () => Promise<void>,
): Promise<Harm> {
  await neighbour.noticed();
  const before = await server.resident();
  await server.forgetPeak();
  await attack();
  if (server.ended) throw new Error(`The server has ended: ${(await server.end()).stderr}`);
  const noticed = await neighbour.noticed();
  return { ...noticed, growth: await server.peak() - before };
}

const PROGRAM = new URL("tests/faults/neighbour.ts", ROOT).href;

/** How long this process and the server have waited for a core, in milliseconds. Linux alone. */
function corelessBy(server: string): number {
  // The second number is in nanoseconds: see sched-stats in the kernel's documentation.
  const of = (pid: string) => Number(Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ")[1]);
  try {
    return (of("self") + of(server)) / 1e6;
  } catch {
    // It has ended.
    return 0;
  }
}

/** A put in flight. */
interface Put {
  readonly began: number;
  readonly corelessBefore: number;
}

async function main(url: string, server: string, token: string | undefined): Promise<void> {
  endWithParent();
  await using mq = await connect(url, token === undefined ? {} : { token });
  let took: number[] = [];
  let inFlight: Put | undefined;
  let [longest, coreless, failed] = [0, 0, 0];
  const settle = ({ began, corelessBefore }: Put) => {
    const ms = performance.now() - began;
    if (ms <= longest) return ms;
    longest = ms;
    // Both may have waited at the same time.
    coreless = Math.min(ms, corelessBy(server) - corelessBefore);
    return ms;
  };
  let going = true;
  const first = Promise.withResolvers<void>();
  const putting = (async () => {
    while (going) {
      inFlight = { corelessBefore: corelessBy(server), began: performance.now() };
      await mq.put("neighbour", "hello").catch(() => failed++);
      took.push(settle(inFlight));
      inFlight = undefined;
      first.resolve();
      await sleep(5);
    }
  })();
  void (async () => {
    for await (const { status } of mq.statusChanges()) failed += status === "reconnecting" ? 1 : 0;
  })();
  await first.promise;
  for await (const batch of lines(Deno.stdin.readable)) {
    for (const _ of batch) {
      const ms = inFlight ? settle(inFlight) : 0;
      const p99 = quantile(ms >= longest ? [...took, ms] : took, 0.99);
      const noticed: Noticed = { puts: took.length, p99, longest, coreless, failed };
      [took, longest, coreless, failed] = [[], 0, 0, 0];
      console.log(JSON.stringify(noticed));
    }
  }
  going = false;
  // Do not wait for a server that has ended.
  await mq.close();
  await putting;
}

if (import.meta.main) await main(Deno.args[0]!, Deno.args[1]!, Deno.args[2]);
