/**
 * Debian's Prometheus, and its tool.
 *
 * @module
 */

import { ROOT } from "./program.ts";
import { freePort } from "./free_port.ts";
import { withTimeout } from "./with_timeout.ts";

/** Where the configuration, the alerts and the dashboard are. */
export const MONITORING = new URL("examples/monitoring/", ROOT);

/** Why tests with Prometheus are ignored here, if they are. */
export async function missingPrometheus(): Promise<string | false> {
  for (const program of ["prometheus", "promtool"]) {
    try {
      await new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" })
        .output();
    } catch {
      return `${program} is not installed`;
    }
  }
  return false;
}

/** Runs `promtool` to its end. */
export async function promtool(
  args: readonly string[],
  cwd: string | URL,
  input = "",
): Promise<{ readonly code: number; readonly text: string }> {
  const command = new Deno.Command("promtool", {
    args: [...args],
    cwd,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** A copy of the examples for a server of a test: with its address, its token, and short times. */
export async function copyExamples(folder: string, port: number, token: string): Promise<void> {
  for await (const { name } of Deno.readDir(MONITORING)) {
    let text = await Deno.readTextFile(new URL(name, MONITORING));
    if (name === "prometheus.yml") {
      text = text.replace("127.0.0.1:30008", `127.0.0.1:${port}`)
        .replace("scrape_interval: 15s", "scrape_interval: 1s")
        .replace("evaluation_interval: 15s", "evaluation_interval: 1s");
    }
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  await Deno.writeTextFile(`${folder}/dsmq.token`, `${token}\n`, { mode: 0o600 });
}

/** A series and its last value, or its values over a time. */
export interface FoundSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

/** A running Prometheus. */
export class Prometheus implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #origin: string;
  readonly #log: Promise<unknown>;

  private constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.#origin = `http://127.0.0.1:${port}`;
    this.#log = child.stderr.pipeTo(new WritableStream());
  }

  /** Starts it with the configuration of a folder, where it also keeps its data; returns once it answers. */
  static async start(folder: string): Promise<Prometheus> {
    const port = freePort();
    const child = new Deno.Command("prometheus", {
      args: [
        ...["--config.file", "prometheus.yml", "--storage.tsdb.path", "data"],
        ...["--web.listen-address", `127.0.0.1:${port}`, "--log.level", "error"],
      ],
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const started = new Prometheus(child, port);
    try {
      await started.#until(() => started.#isReady());
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What its API answers. */
  async api(path: string, parameters: Readonly<Record<string, string>> = {}) {
    const response = await fetch(
      `${this.#origin}/api/v1/${path}?${new URLSearchParams(parameters)}`,
    );
    return await response.json();
  }

  /** What a query finds now. */
  async query(query: string): Promise<readonly FoundSeries[]> {
    const { status, data, error } = await this.api("query", { query });
    if (status !== "success") throw new Error(`${query}: ${error}`);
    return data.result;
  }

  /** What a query finds as soon as that is something that is wanted. */
  async found(
    query: string,
    isWanted: (found: readonly FoundSeries[]) => boolean,
  ): Promise<readonly FoundSeries[]> {
    let found: readonly FoundSeries[] = [];
    await this.#until(async () => isWanted(found = await this.query(query)));
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await this.#log;
  }

  async #isReady(): Promise<boolean> {
    try {
      const response = await fetch(`${this.#origin}/-/ready`);
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  async #until(isDone: () => Promise<boolean>): Promise<void> {
    let isOver = false;
    const done = (async () => {
      while (!isOver && !await isDone()) await new Promise((resolve) => setTimeout(resolve, 50));
    })();
    try {
      await withTimeout(done, 60_000);
    } finally {
      isOver = true;
    }
  }
}
