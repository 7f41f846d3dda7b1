/**
 * A server under attack, seen from outside.
 *
 * @module
 */

import { lines } from "../../cli/lines.ts";
import type { ServeOptions, Stats } from "../../server.ts";
import { ROOT } from "../support/program.ts";

/** What a server says of itself, after garbage collection. */
export interface Report extends Stats {
  /** In bytes: the heap, and what is kept outside for it. */
  readonly heap: number;
}

/** A server in a process of its own. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #said: AsyncGenerator<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #port = 0;

  private constructor(options: ServeOptions) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--v8-flags=--expose-gc", PROGRAM, JSON.stringify(options)],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#said = each(lines(this.#child.stdout));
    this.#writer = this.#child.stdin.getWriter();
  }

  /** Starts one. */
  static async start(options: ServeOptions): Promise<ServerProcess> {
    const process = new ServerProcess(options);
    process.#port = Number(await process.#line());
    return process;
  }

  /** Where it listens. */
  get port(): number {
    return this.#port;
  }

  /** Lets it collect garbage, and say what it holds. */
  async report(): Promise<Report> {
    await this.#writer.write(new TextEncoder().encode("report\n"));
    return JSON.parse(await this.#line());
  }

  /** Its resident memory, in bytes. */
  async resident(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)![1]) * 1024;
  }

  /** How many sockets it has open. */
  async sockets(): Promise<number> {
    const folder = `/proc/${this.#child.pid}/fd`;
    let count = 0;
    for await (const { name } of Deno.readDir(folder)) {
      // It may have been closed since it was listed.
      const target = await Deno.readLink(`${folder}/${name}`).catch(() => "");
      if (target.startsWith("socket:")) count++;
    }
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    // To the end of what it prints.
    for await (const _ of this.#said);
    await this.#child.status;
  }

  async #line(): Promise<string> {
    const { done, value } = await this.#said.next();
    if (done) throw new Error("the server has ended");
    return value;
  }
}

const PROGRAM = new URL("tests/faults/server_program.ts", ROOT).href;

async function* each(batches: AsyncGenerator<string[]>): AsyncGenerator<string> {
  for await (const batch of batches) yield* batch;
}
