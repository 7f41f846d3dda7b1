/**
 * A script that uses the client of a server, wherever a browser runs scripts, over a restart of the server.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { Server, TransportChoice } from "@dsmq/server";
import type * as client from "@dsmq/server/client";
import type { BrowserContext } from "playwright-core";
import { noBrowser, registerBrowser } from "./browser.ts";
import { freePort } from "./free_port.ts";
import { ignoredIf } from "./ignored_if.ts";
import { openServer } from "./open_server.ts";
import { serveSite } from "./site.ts";
import { withTimeout } from "./with_timeout.ts";

/** What a browser runs: its text, so it uses nothing but its arguments. The first is what `/client.js` exports. */
export type BrowserScript = (
  dsmq: typeof client,
  url: string,
  report: (seen: string) => unknown,
) => Promise<void>;

/** The files of a site that has the client from another server, and runs a script with it. */
export function filesFor(server: string, script: BrowserScript): Record<string, string> {
  return {
    "/": "<!doctype html><title>A site</title>",
    "/script.js": `import * as dsmq from "${server}/client.js";
      export const run = (report) => (${script})(dsmq, "${server}", report);`,
    "/module.js": `import { run } from "/script.js"; run(postMessage);`,
    "/classic.js": `import("/script.js").then(({ run }) => run(postMessage));`,
    "/shared.js": `import { run } from "/script.js";
      onconnect = ({ ports: [port] }) => run((seen) => port.postMessage(seen));`,
    "/service.js": `import { run } from "/script.js";
      onmessage = (event) => event.waitUntil(run((seen) => event.source.postMessage(seen)));`,
  };
}

/** What a page does so that each kind of script runs; `report` is the test's. */
export const PLACES = {
  "a page of another origin": `import("/script.js").then(({ run }) => void run(report))`,
  "a module worker": `new Worker("/module.js", { type: "module" })
    .onmessage = ({ data }) => report(data)`,
  "a classic worker": `new Worker("/classic.js").onmessage = ({ data }) => report(data)`,
  "a shared worker": `new SharedWorker("/shared.js", { type: "module" }).port
    .onmessage = ({ data }) => report(data)`,
  "a service worker": `(async () => {
    navigator.serviceWorker.onmessage = ({ data }) => report(data);
    navigator.serviceWorker.startMessages();
    await navigator.serviceWorker.register("/service.js", { type: "module" });
    (await navigator.serviceWorker.ready).active.postMessage("go");
  })()`,
} as const;

/** What a page of the server itself does. */
export function inOwnPage(script: BrowserScript): string {
  return `import("/client.js").then((dsmq) => void (${script})(dsmq, location.origin, report))`;
}

/** A page that tells what is reported, in order. */
export async function openPage(context: BrowserContext, url: string) {
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

/** Registers the browser of a test file. Returns what registers a test for each transport. */
export function registerScripts() {
  const browser = registerBrowser();
  const testBoth = (name: string, prove: (transport: TransportChoice) => Promise<void>): void => {
    for (const transport of ["builtin", "hardened"] as const) {
      Deno.test({ ...ignoredIf(noBrowser, `${name} (${transport})`), fn: () => prove(transport) });
    }
  };
  return { browser, testBoth };
}

/** A script that runs in a browser, and its server. */
export interface RunningScript {
  readonly server: Server;
  /** What the script reports next. */
  next(): Promise<string>;
  /** Stops the server, and starts one with the same file at the same address. */
  restart(): Promise<Server>;
}

/**
 * Runs a script in a page, or in a worker of it.
 *
 * @param transport of the server
 * @param newContext opens the browser's windows
 * @param script what runs
 * @param place what a page of another site does, or `undefined`: the page is one of the server
 * @param prove talks with it
 */
export async function runInBrowser(
  transport: TransportChoice,
  newContext: () => Promise<BrowserContext>,
  script: BrowserScript,
  place: string | undefined,
  prove: (running: RunningScript) => Promise<void>,
): Promise<void> {
  const port = freePort();
  const address = `http://127.0.0.1:${port}`;
  const folder = await Deno.makeTempDir();
  try {
    await using site = serveSite(filesFor(address, script));
    const allowedOrigins = [site.origin];
    const store = `sqlite:${folder}/queue.db` as const;
    const open = () => openServer({ port, transport, allowedOrigins, store });
    const servers = [await open()];
    try {
      await using context = await newContext();
      const { page, next } = await openPage(context, place === undefined ? address : site.origin);
      await page.evaluate(place ?? inOwnPage(script));
      const restart = async () => {
        await servers.at(-1)!.shutdown();
        servers.push(await open());
        return servers.at(-1)!;
      };
      await prove({ server: servers[0]!, next, restart });
      assert(servers.length > 1, "it is to go on over a restart");
    } finally {
      await servers.at(-1)!.shutdown();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
