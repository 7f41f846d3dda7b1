/**
 * Chromium without a window, and a page in it.
 *
 * @module
 */

import { pathOfProgram } from "./installed_program.ts";

/** The program, which the variable of this name may name. */
export const CHROMIUM: string = Deno.env.get("CHROMIUM") ?? "chromium";

/** Why tests with a browser are ignored here, if they are. */
export const noBrowser: string | false = Deno.env.get("CHROMIUM") === undefined &&
  await pathOfProgram("chromium") === undefined && "Chromium is not installed";

/** A headless browser, controlled by its own protocol. */
export class Browser implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, (reply: Record<string, unknown>) => void>();
  readonly #loaded = Promise.withResolvers<void>();
  #sessionId: unknown;
  #last = 0;

  private constructor(child: Deno.ChildProcess, folder: string, socket: WebSocket) {
    this.#child = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, method, result, error } = JSON.parse(data);
      if (method === "Page.loadEventFired") this.#loaded.resolve();
      if (id !== undefined) this.#pending.get(id)?.(result ?? { error });
    };
  }

  /** Starts a browser with the page of an address. */
  static async start(page: string): Promise<Browser> {
    const folder = await Deno.makeTempDir();
    const child = new Deno.Command(CHROMIUM, {
      args: [
        ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        ...["--remote-debugging-port=0", `--user-data-dir=${folder}`, "about:blank"],
      ],
      ...{ stdin: "null", stdout: "null", stderr: "piped" },
    }).spawn();
    let output = "";
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
      output += part;
      if (/DevTools listening on \S+\s/.test(output)) break;
    }
    const [, url] = /DevTools listening on (\S+)/.exec(output) ?? [];
    if (!url) throw new Error(`Cannot start ${CHROMIUM}: ${output}`);
    const socket = new WebSocket(url);
    await new Promise((resolve) => socket.onopen = resolve);
    const browser = new Browser(child, folder, socket);
    const { targetId } = await browser.#call("Target.createTarget", { url: "about:blank" });
    const attached = await browser.#call("Target.attachToTarget", { targetId, flatten: true });
    browser.#sessionId = attached["sessionId"];
    await browser.#call("Page.enable", {});
    await browser.#call("Page.navigate", { url: page });
    await browser.#loaded.promise;
    return browser;
  }

  /**
   * Evaluates an expression in the page.
   *
   * @param expression JavaScript; of a promise what it resolves with
   * @returns its value, as JSON has it
   * @throws what it throws
   */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#call("Runtime.evaluate", {
      ...{ expression, awaitPromise: true, returnByValue: true },
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value?: unknown }).value;
  }

  #call(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    this.#pending.set(id, resolve);
    const session = this.#sessionId === undefined ? {} : { sessionId: this.#sessionId };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    this.#child.kill();
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }
}
