/**
 * Our client in a page of a real browser, while its server is under attack: how long its puts wait.
 *
 * ```sh
 * deno run -A tests/faults/browser.ts builtin|hardened [PART_OF_A_NAME]
 * ```
 *
 * It takes about 30 s, and needs Chromium, whose program the variable `CHROMIUM` may name.
 *
 * @module
 */

import type { Page } from "playwright-core";
import type { TransportChoice } from "../../server.ts";
import { clientFrame, RawSocket } from "../support/raw_socket.ts";
import { launchBrowser } from "../support/browser.ts";
import { ROOT } from "../support/program.ts";
import { ChildServer } from "./child_server.ts";
import { Flooder } from "./flooder.ts";
import { GOOD, WEAK } from "./held_resources.ts";
import type { Noticed } from "./neighbour.ts";
import { sleep } from "./sleep.ts";
import { Report } from "./report.ts";
import { FLOOD, type Goal, type PlatformLimit } from "./platform_limits.ts";
import { gradeOf, selected, withLowPriority } from "./attack_runner.ts";

/** How long each attack lasts, and the longest that a put of the page may take, in milliseconds. */
const [DURATION, MAX_WAIT] = [3000, 100];

const PAGE = (url: string) =>
  `<!doctype html><title>dsmq</title><script type="module">
  import { connect } from "/client.js";
  const mq = await connect("${url}", { token: "good" });
  let took = [], failed = 0, began = Infinity;
  window.noticed = () => {
    // An unanswered put has taken at least this long.
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

/** What the page has noticed since the last call. */
async function noticedBy(page: Page): Promise<Noticed> {
  return await page.evaluate("window.noticed()");
}

interface Attack {
  readonly name: string;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: PlatformLimit;
  attack(port: number): Promise<void>;
}

/** This many connections send the same frame again and again, and reconnect when they are closed. */
function flood(name: string, connections: number, frame: Uint8Array, ...headers: string[]): Attack {
  const times = Math.max(1, Math.floor(64 * 1024 / frame.length));
  const block = new Uint8Array(times * frame.length);
  for (let i = 0; i < times; i++) block.set(frame, i * frame.length);
  return {
    name: `${name}, of ${connections}`,
    builtin: FLOOD,
    async attack(port) {
      const end = performance.now() + DURATION;
      await Promise.all(Array.from({ length: connections }, async () => {
        while (performance.now() < end) {
          const client = await RawSocket.open(port, ...headers).catch(() => undefined);
          if (!client) {
            await sleep(5);
            continue;
          }
          const timer = setTimeout(() => client.cut(), end - performance.now());
          void client.closeCode();
          while (performance.now() < end) {
            if (!await client.send(block).then(() => true, () => false)) break;
          }
          clearTimeout(timer);
          client.cut();
        }
      }));
    },
  };
}

const OFFERED = "Sec-WebSocket-Protocol: dsmq";
const WEAK_TOKEN = "Authorization: Bearer weak";
const text = (request: object) => clientFrame(1, JSON.stringify(request));

const ATTACKS: readonly Attack[] = [
  { name: "no attack", attack: () => sleep(DURATION) },
  flood("empty frames without a token", 8, clientFrame(1), OFFERED),
  flood("pings", 8, clientFrame(9, "p"), WEAK_TOKEN),
  flood("puts", 8, text({ action: "put", topic: "held", message: "m" }), WEAK_TOKEN),
  flood("gets", 8, text({ action: "get", topic: "held" }), WEAK_TOKEN),
  {
    name: "200,000 waits, created and disconnected",
    async attack(port) {
      const waits = Array.from(
        { length: 10_000 },
        (_, id) => ({ action: "get_wait", id, topic: `held.${id}`, timeout: 100_000 }),
      );
      const flooders = await Promise.all(Array.from({ length: 20 }, () => Flooder.open(port)));
      await Promise.all(flooders.map((one) => one.send(...waits)));
      await sleep(DURATION);
      for (const one of flooders) one.cut();
      await sleep(500);
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
  await using browser = await launchBrowser();
  const report = new Report("attack", "puts", "p99", "longest", "failed");
  for (const { name, builtin, attack } of selected(ATTACKS, which)) {
    await using server = await ChildServer.start({
      ...{ transport, auth: { tokens: [GOOD, WEAK] }, allowedOrigins: ["*"] },
    });
    await using pages = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
      const isPage = new URL(url).pathname === "/";
      const type = isPage ? "text/html" : "text/javascript";
      return new Response(isPage ? PAGE(server.url) : client, {
        headers: { "content-type": type },
      });
    });
    await using page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${pages.addr.port}/`);
    await page.waitForFunction("window.noticed?.().puts > 0");
    await withLowPriority(() => attack(server.port));
    const { puts, p99, longest, failed } = await noticedBy(page);
    const stated = transport === "builtin" ? builtin : undefined;
    const missed: Goal[] = longest > MAX_WAIT ? ["wait"] : [];
    const verdict = failed > 0 ? { good: false } : gradeOf(missed, stated);
    const cells = [`${puts}`, p99.toFixed(1), longest.toFixed(0), `${failed}`];
    console.error(report.row([name, ...cells], verdict).join("  "));
  }
  report.print(`A page in Chromium, transport ${transport}, in milliseconds`);
}

if (import.meta.main) {
  await main((Deno.args[0] ?? "hardened") as TransportChoice, Deno.args[1]);
  Deno.exit();
}
