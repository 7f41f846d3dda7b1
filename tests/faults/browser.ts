/**
 * Our client in a page of a real browser, while strangers attack its server: for how long its puts wait.
 *
 * ```sh
 * deno run -A tests/faults/browser.ts builtin|hardened [PART_OF_A_NAME]
 * ```
 *
 * It takes about 30 s, and needs Chromium, whose program the environment may name in `CHROMIUM`.
 *
 * @module
 */

import type { TransportChoice } from "../../server.ts";
import { BareClient, clientFrame } from "../support/bare_client.ts";
import { ROOT } from "../support/program.ts";
import { ChildServer } from "./child_server.ts";
import { Hoarder } from "./hoarder.ts";
import { GOOD, WEAK } from "./hoards.ts";
import type { Noticed } from "./neighbour.ts";
import { pause } from "./pause.ts";
import { Report } from "./report.ts";
import { FLOOD, type Goal, type Stated } from "./stated.ts";
import { givingWay, judged, picked } from "./trials.ts";

/** How long each attack lasts, in milliseconds, and no put of the page may take longer. */
const [LASTS, LONGEST] = [3000, 100];

const PAGE = (url: string) =>
  `<!doctype html><title>dsmq</title><script type="module">
  import { connect } from "/client.js";
  const mq = await connect({ url: "${url}", token: "good" });
  let took = [], failed = 0, began = Infinity;
  window.noticed = () => {
    // What has not been answered yet has taken so long at least.
    const all = [...took, Math.max(0, performance.now() - began)].toSorted((a, b) => a - b);
    const at = (part) => all[Math.min(all.length - 1, Math.floor(part * all.length))] ?? 0;
    const seen = { puts: took.length, median: at(0.5), p99: at(0.99), longest: at(1), failed };
    took = [];
    return seen;
  };
  for (;;) {
    began = performance.now();
    await mq.put("page", "hello").catch(() => failed++);
    took.push(performance.now() - began);
    began = Infinity;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
</script>`;

/** A browser without a window, told what to do by its own protocol. */
class Browser implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #asked = new Map<number, (answer: Record<string, unknown>) => void>();
  #session: unknown;
  #last = 0;

  private constructor(child: Deno.ChildProcess, folder: string, socket: WebSocket) {
    this.#child = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result, error } = JSON.parse(data);
      if (id !== undefined) this.#asked.get(id)?.(result ?? { error });
    };
  }

  /** Starts one, at a page. */
  static async start(program: string, page: string): Promise<Browser> {
    const folder = await Deno.makeTempDir();
    const child = new Deno.Command(program, {
      args: [
        ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        ...["--remote-debugging-port=0", `--user-data-dir=${folder}`, "about:blank"],
      ],
      ...{ stdin: "null", stdout: "null", stderr: "piped" },
    }).spawn();
    let said = "";
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
      said += part;
      if (/DevTools listening on \S+\s/.test(said)) break;
    }
    const [, url] = /DevTools listening on (\S+)/.exec(said) ?? [];
    if (!url) throw new Error(`Cannot start ${program}: ${said}`);
    const socket = new WebSocket(url);
    await new Promise((resolve) => socket.onopen = resolve);
    const browser = new Browser(child, folder, socket);
    const { targetId } = await browser.#ask("Target.createTarget", { url: page });
    const attached = await browser.#ask("Target.attachToTarget", { targetId, flatten: true });
    browser.#session = attached["sessionId"];
    return browser;
  }

  /** What the page has noticed since it was asked last. */
  async noticed(): Promise<Noticed> {
    const expression = "JSON.stringify(window.noticed?.())";
    const { result } = await this.#ask("Runtime.evaluate", { expression });
    return JSON.parse((result as { value?: string }).value ?? '{"puts":0}');
  }

  #ask(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
    this.#asked.set(id, resolve);
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
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

interface Attack {
  readonly name: string;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: Stated;
  attack(port: number): Promise<void>;
}

/** So many connections send the same again and again, and come back when they are closed. */
function flood(name: string, connections: number, frame: Uint8Array, ...headers: string[]): Attack {
  const times = Math.max(1, Math.floor(64 * 1024 / frame.length));
  const block = new Uint8Array(times * frame.length);
  for (let i = 0; i < times; i++) block.set(frame, i * frame.length);
  return {
    name: `${name}, of ${connections}`,
    builtin: FLOOD,
    async attack(port) {
      const end = performance.now() + LASTS;
      await Promise.all(Array.from({ length: connections }, async () => {
        while (performance.now() < end) {
          const client = await BareClient.open(port, ...headers).catch(() => undefined);
          if (!client) {
            await pause(5);
            continue;
          }
          const timer = setTimeout(() => client.cut(), end - performance.now());
          void client.closeCode();
          while (performance.now() < end) {
            if (!await client.say(block).then(() => true, () => false)) break;
          }
          clearTimeout(timer);
          client.cut();
        }
      }));
    },
  };
}

const OFFERED = "Sec-WebSocket-Protocol: dsmq";
const AS_WEAK = "Authorization: Bearer weak";
const text = (request: object) => clientFrame(1, JSON.stringify(request));

const ATTACKS: readonly Attack[] = [
  { name: "nobody attacks", attack: () => pause(LASTS) },
  flood("empty frames without a token", 8, clientFrame(1), OFFERED),
  flood("pings", 8, clientFrame(9, "p"), AS_WEAK),
  flood("puts", 8, text({ action: "put", topic: "hoard", message: "m" }), AS_WEAK),
  flood("gets", 8, text({ action: "get", topic: "hoard" }), AS_WEAK),
  {
    name: "200,000 waits, made and cut",
    async attack(port) {
      const waits = Array.from(
        { length: 10_000 },
        (_, id) => ({ action: "get_wait", id, topic: `hoard.${id}`, timeout: 100_000 }),
      );
      const hoarders = await Promise.all(Array.from({ length: 20 }, () => Hoarder.open(port)));
      await Promise.all(hoarders.map((one) => one.send(...waits)));
      await pause(LASTS);
      for (const one of hoarders) one.cut();
      await pause(500);
    },
  },
];

/** The client as one file that a browser reads. */
async function bundled(): Promise<Uint8Array<ArrayBuffer>> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=browser", "client.ts"],
    cwd: ROOT,
  }).output();
  if (code !== 0) throw new Error(`Cannot bundle the client: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

async function main(transport: TransportChoice, which: string | undefined): Promise<void> {
  const client = await bundled();
  const program = Deno.env.get("CHROMIUM") ?? "chromium";
  const report = new Report("attack", "puts", "p99", "longest", "failed");
  for (const { name, builtin, attack } of picked(ATTACKS, which)) {
    await using server = await ChildServer.start({
      ...{ transport, tokens: [GOOD, WEAK], allowedOrigins: ["*"] },
    });
    await using pages = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
      const isPage = new URL(url).pathname === "/";
      const type = isPage ? "text/html" : "text/javascript";
      return new Response(isPage ? PAGE(server.url) : client, {
        headers: { "content-type": type },
      });
    });
    await using browser = await Browser.start(program, `http://127.0.0.1:${pages.addr.port}/`);
    for (let i = 0; i < 100 && (await browser.noticed()).puts === 0; i++) await pause(100);
    await browser.noticed();
    await givingWay(() => attack(server.port));
    const { puts, p99, longest, failed } = await browser.noticed();
    const stated = transport === "builtin" ? builtin : undefined;
    const missed: Goal[] = longest > LONGEST ? ["wait"] : [];
    const verdict = failed > 0 ? { good: false } : judged(missed, stated);
    const cells = [`${puts}`, p99.toFixed(1), longest.toFixed(0), `${failed}`];
    console.error(report.row([name, ...cells], verdict).join("  "));
  }
  report.print(`A page in Chromium, transport ${transport}, in milliseconds`);
}

if (import.meta.main) {
  await main((Deno.args[0] ?? "hardened") as TransportChoice, Deno.args[1]);
  Deno.exit();
}
