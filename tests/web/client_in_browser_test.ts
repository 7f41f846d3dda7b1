/**
 * `import { connect } from "http://HOST:PORT/client.js"`, as it stands, wherever a browser runs scripts.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, type TransportChoice } from "@dsmq/server";
import type { BrowserContext } from "playwright-core";
import { noBrowser, registerBrowser } from "../support/browser.ts";
import { freePort } from "../support/free_port.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { collectProblems } from "../support/page_problems.ts";
import { serveSite } from "../support/site.ts";
import { withTimeout } from "../support/with_timeout.ts";

const browser = registerBrowser();

/** Runs in the browser: puts, gets, and follows a topic. */
async function talk(
  open: typeof connect,
  url: string,
  report: (seen: string) => unknown,
): Promise<void> {
  try {
    const mq = await open(url, { reconnect: { maxDelay: 100 } });
    await mq.put("questions", "put in a browser");
    report(await mq.get("questions"));
    for await (const { body } of mq.subscribe("answers", { since: "start" })) report(body);
  } catch (error) {
    report(`failed: ${error}`);
  }
}

/** The files of a site that has the client from another server. */
function filesFor(server: string): Record<string, string> {
  return {
    "/": "<!doctype html><title>A site</title>",
    "/talk.js": `import { connect } from "${server}/client.js";
      export const talk = (report) => (${talk})(connect, "${server}", report);`,
    "/module.js": `import { talk } from "/talk.js"; talk(postMessage);`,
    "/classic.js": `import("/talk.js").then(({ talk }) => talk(postMessage));`,
    "/shared.js": `import { talk } from "/talk.js";
      onconnect = ({ ports: [port] }) => talk((seen) => port.postMessage(seen));`,
    "/service.js": `import { talk } from "/talk.js";
      onmessage = (event) => event.waitUntil(talk((seen) => event.source.postMessage(seen)));`,
  };
}

/** What a page does so that each kind of script talks; `report` is the test's. */
const PLACES: Readonly<Record<string, string>> = {
  "a page of another origin": `import("/talk.js").then(({ talk }) => void talk(report))`,
  "a module worker": `new Worker("/module.js", { type: "module" })
    .onmessage = ({ data }) => report(data)`,
  "a classic worker": `new Worker("/classic.js").onmessage = ({ data }) => report(data)`,
  "a shared worker": `new SharedWorker("/shared.js", { type: "module" }).port
    .onmessage = ({ data }) => report(data)`,
  "a service worker": `(async () => {
    navigator.serviceWorker.onmessage = ({ data }) => report(data);
    navigator.serviceWorker.startMessages();
    await navigator.serviceWorker.register("/service.js", { type: "module" });
    (await navigator.serviceWorker.ready).active.postMessage("talk");
  })()`,
};

/** A page that tells what is reported, in order. */
async function openPage(context: BrowserContext, url: string) {
  const seen: string[] = [];
  let wake = () => {};
  const page = await context.newPage();
  await page.exposeFunction("report", (one: string) => {
    seen.push(one);
    wake();
  });
  await page.goto(url);
  const next = async () => {
    while (seen.length === 0) {
      await withTimeout(new Promise<void>((resolve) => wake = resolve), 30_000);
    }
    return seen.shift()!;
  };
  return { page, next };
}

/** Registers a test for each transport. */
function testBoth(name: string, prove: (transport: TransportChoice) => Promise<void>): void {
  for (const transport of ["builtin", "hardened"] as const) {
    Deno.test({ ...ignoredIf(noBrowser, `${name} (${transport})`), fn: () => prove(transport) });
  }
}

/** Where a script talks, and what is of it there. */
interface Place {
  readonly context: BrowserContext;
  /** The origin of the server. */
  readonly server: string;
  /** The origin of another site, which the server allows. */
  readonly site: string;
}

/** Talks with a script in a browser, over a restart of the server. */
async function proveTalk(
  transport: TransportChoice,
  start: (place: Place) => Promise<() => Promise<string>>,
): Promise<void> {
  const port = freePort();
  const server = `http://127.0.0.1:${port}`;
  const folder = await Deno.makeTempDir();
  try {
    await using site = serveSite(filesFor(server));
    const allowedOrigins = [site.origin];
    const store = `sqlite:${folder}/queue.db` as const;
    const first = await openServer({ port, transport, allowedOrigins, store });
    await using context = await browser.newContext();
    const next = await start({ context, server, site: site.origin });
    assertEquals(await next(), "put in a browser");
    await using mq = await connect(first.url, { since: "start" });
    assertEquals(await mq.get("questions"), "put in a browser");
    await mq.put("answers", "before");
    assertEquals(await next(), "before");
    await first.shutdown();
    await using _second = await openServer({ port, transport, allowedOrigins, store });
    await mq.put("answers", "after");
    assertEquals(await next(), "after");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

testBoth(
  "a page of the server puts, gets, and follows a topic over a restart of the server",
  (transport) =>
    proveTalk(transport, async ({ context, server }) => {
      const { page, next } = await openPage(context, server);
      await page.evaluate(`import("/client.js")
        .then(({ connect }) => void (${talk})(connect, location.origin, report))`);
      return next;
    }),
);

for (const [place, script] of Object.entries(PLACES)) {
  testBoth(
    `${place} puts, gets, and follows a topic over a restart of the server`,
    (transport) =>
      proveTalk(transport, async ({ context, site }) => {
        const { page, next } = await openPage(context, site);
        await page.evaluate(script);
        return next;
      }),
  );
}

testBoth("a page of the server puts and gets over TLS", async (transport) => {
  const read = (name: string) =>
    Deno.readTextFile(new URL(`../fixtures/localhost_${name}.pem`, import.meta.url));
  const [cert, key] = [await read("cert"), await read("key")];
  await using server = await openServer({ transport, cert, key });
  await using context = await browser.newContext({ ignoreHTTPSErrors: true });
  const { page, next } = await openPage(context, server.url.replace("wss:", "https:"));
  await page.evaluate(`import("/client.js")
    .then(({ connect }) => void (${talk})(connect, location.origin, report))`);
  assertEquals(await next(), "put in a browser");
});

testBoth(
  "a page of an origin that is not allowed cannot import the client, and a copy of it is refused, with an error that says what the server must allow",
  async (transport) => {
    await using server = await openServer({ transport });
    const address = server.url.replace("ws:", "http:");
    const copy = await (await fetch(`${address}/client.js`)).text();
    await using site = serveSite({ ...filesFor(address), "/copy.js": copy });
    await using context = await browser.newContext();
    const { page } = await openPage(context, site.origin);
    const problems = collectProblems(page);
    const failure = `(error) => [error.name, error.code, error.message]`;
    const [name] = await page.evaluate<string[]>(`import("/talk.js").catch(${failure})`);
    assertEquals(name, "TypeError");
    assertMatch(problems.join("\n"), /client\.js.* blocked by CORS policy/);

    const [, code, message] = await page.evaluate<string[]>(`import("/copy.js")
      .then(({ connect }) => connect("${address}", { onRetry(error) { throw error; } }))
      .catch(${failure})`);
    assertEquals(code, "unreachable");
    assertStringIncludes(message!, `the server must allow the origin ${site.origin}`);
    assertEquals(server.stats().refused, 1);
    assertEquals(server.stats().stored, 0);
  },
);
