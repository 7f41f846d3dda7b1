/**
 * Workers of the command line, and the server at which they work.
 *
 * @module
 */

import { connect, type Connection } from "@dsmq/server";
import { openServer } from "./open_server.ts";
import { Program } from "./program.ts";

/** A server, somebody who is connected to it, and workers. */
export class WorkerScene implements AsyncDisposable {
  readonly mq: Connection;
  readonly #url: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(stack: AsyncDisposableStack, mq: Connection) {
    this.#stack = stack;
    this.mq = mq;
    this.#url = mq.url;
  }

  static async open(): Promise<WorkerScene> {
    const stack = new AsyncDisposableStack();
    const server = stack.use(await openServer());
    return new WorkerScene(stack, stack.use(await connect(server.url)));
  }

  /** A worker of the topic `t` that runs a script of the shell, unless another command is given. */
  work(script: string, options: readonly string[] = [], command = ["sh", "-c", script]): Program {
    const args = ["t", "--url", this.#url, ...options, "--", ...command];
    return this.#stack.use(new Program(["-A", "--no-prompt", "cli.ts", "work", ...args]));
  }

  /**
   * A shell that starts such a worker.
   *
   * @param shell its script, in which `"$@"` is the worker
   * @param script what the worker runs
   * @param options of the worker
   * @param permissions of Deno
   */
  workIn(
    shell: string,
    script: string,
    options: readonly string[] = [],
    permissions: readonly string[] = ["-A"],
  ): Program {
    const own = ["t", "--url", this.#url, ...options];
    const worker = ["cli.ts", "work", ...own, "--", "sh", "-c", script];
    const args = ["-c", shell, "sh", Deno.execPath(), "run", "--quiet", ...permissions, ...worker];
    return this.#stack.use(new Program(args, {}, [], "sh"));
  }

  /** How many messages wait, are held, and are dead. */
  async counts(): Promise<readonly number[]> {
    const { depth, held, dead } = (await this.mq.groups())[0]!;
    return [depth, held, dead];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
