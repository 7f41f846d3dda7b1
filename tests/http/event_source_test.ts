/**
 * `EventSource`, of a page in a browser and of a library for programs: it reconnects by itself.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type Server, type TransportChoice } from "@dsmq/server";
import { EventSource } from "eventsource";
import type { Page } from "playwright-core";
import { noBrowser, registerBrowser } from "../support/browser.ts";
import { freePort } from "../support/free_port.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { serveSite } from "../support/site.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** What an `EventSource` has brought: a message, or what became of it. */
interface Brought {
  readonly id?: string;
  readonly body?: string;
  readonly gap?: string;
  readonly end?: string;
  readonly refused?: true;
}

/** A page that follows. */
interface FollowingPage extends AsyncDisposable {
  /** Where the page is from. */
  readonly origin: string;
  /** Opens an `EventSource` for an address. */
  follow(url: string): Promise<void>;
  /** What it has brought so far, once that is as much as this. */
  brought(count: number): Promise<Brought[]>;
}

/** Follows, in a page and in a program alike. */
function createFollower(create: (url: string) => globalThis.EventSource) {
  const brought: Brought[] = [];
  let wake = () => {};
  let source: globalThis.EventSource | undefined;
  const add = (one: Brought) => {
    brought.push(one);
    wake();
  };
  return {
    follow(url: string): void {
      source = create(url);
      source.onmessage = ({ lastEventId: id, data }) => add({ id, body: JSON.parse(data).body });
      source.addEventListener("gap", ({ data }) => add({ gap: JSON.parse(data).code }));
      source.addEventListener("end", ({ data }) => add({ end: JSON.parse(data).code }));
      source.onerror = () => {
        // It does not try again.
        if (source!.readyState === 2) add({ refused: true });
      };
    },
    async brought(count: number): Promise<Brought[]> {
      while (brought.length < count) await new Promise<void>((resolve) => wake = resolve);
      return brought;
    },
    close: () => source?.close(),
  };
}

/** How long a browser may take: it waits for 3 s before it reconnects, and longer if nobody is there. */
const BROWSER_TIMEOUT = 60_000;

const browser = registerBrowser();

/** A page that has this script, in a browser. */
async function openPage(
  script: string,
): Promise<AsyncDisposable & { page: Page; origin: string }> {
  const html = `<!doctype html><title>dsmq</title><script>${script}</script>`;
  await using opened = new AsyncDisposableStack();
  const { origin } = opened.use(serveSite({ "/": html }));
  const page = await opened.use(await browser.newContext()).newPage();
  await page.goto(origin);
  const held = opened.move();
  return { page, origin, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function openBrowser(): Promise<FollowingPage> {
  const opened = await openPage(
    `window.follower = (${createFollower})((url) => new EventSource(url));`,
  );
  const { page, origin } = opened;
  return {
    origin,
    follow: (url) => page.evaluate(`follower.follow(${JSON.stringify(url)})`),
    brought: (count) =>
      withTimeout(page.evaluate<Brought[]>(`follower.brought(${count})`), BROWSER_TIMEOUT),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

function openProgram(): Promise<FollowingPage> {
  const origin = "http://pages.example";
  const follower = createFollower((url) =>
    new EventSource(url, {
      async fetch(input, init) {
        const response = await fetch(input, { ...init, headers: { ...init.headers, origin } });
        // The library leaves that open.
        if (!response.ok) await response.body?.cancel();
        return response;
      },
    }) as globalThis.EventSource
  );
  return Promise.resolve({
    origin,
    follow: (url) => Promise.resolve(follower.follow(url)),
    brought: (count) => withTimeout(follower.brought(count), BROWSER_TIMEOUT),
    [Symbol.asyncDispose]: () => Promise.resolve(follower.close()),
  });
}

const PAGES = [
  { name: "a browser's EventSource", open: openBrowser, missing: noBrowser },
  { name: "the EventSource of npm", open: openProgram, missing: false },
] as const;

/** Registers a test for each kind of page and server. */
function testPages(
  promise: string,
  prove: (page: FollowingPage, open: (port: number) => Promise<Server>) => Promise<void>,
  options: { readonly isAllowed?: boolean; readonly isFile?: boolean } = {},
) {
  for (const { name, open, missing } of PAGES) {
    for (const transport of ["builtin", "hardened"] as const satisfies TransportChoice[]) {
      Deno.test({
        ...ignoredIf(missing, `${name} ${promise} (${transport})`),
        async fn() {
          await using page = await open();
          const { isAllowed = true, isFile = false } = options;
          const allowedOrigins = isAllowed ? [page.origin] : [];
          const folder = isFile ? await Deno.makeTempDir() : undefined;
          const store = folder ? `sqlite:${folder}/queue.db` as const : "memory";
          try {
            await prove(page, (port) => openServer({ transport, store, allowedOrigins, port }));
          } finally {
            if (folder) await Deno.remove(folder, { recursive: true });
          }
        },
      });
    }
  }
}

/** Puts texts into the topic. */
async function put(server: Server, ...texts: string[]): Promise<void> {
  await using mq = await connect(server.url);
  await mq.putMany("t", texts);
}

testPages(
  "of another port goes on after the last message, over a restart of the server, and nothing is lost or doubled",
  async (page, open) => {
    const port = freePort();
    const first = await open(port);
    await put(first, "1", "2");
    await page.follow(`http://127.0.0.1:${port}/topics/t?after=start`);
    await page.brought(2);
    await put(first, "3");
    await page.brought(3);
    await first.shutdown();
    await using second = await open(port);
    await put(second, "4", "5");
    await page.brought(6);
    await put(second, "6");
    const brought = await page.brought(7);
    assertEquals(brought.map(({ body, end }) => body ?? end), [
      ...["1", "2", "3", "shutting_down", "4", "5", "6"],
    ]);
    const ids = brought.flatMap(({ id }) => id ?? []);
    assertEquals(ids.map((id) => id.split(":")[1]), ["1", "2", "3", "4", "5", "6"]);
  },
  { isFile: true },
);

testPages("is told what is gone, and goes on", async (page, open) => {
  const port = freePort();
  const first = await open(port);
  await page.follow(`http://127.0.0.1:${port}/topics/t?after=start`);
  await put(first, "before");
  await page.brought(1);
  await first.shutdown();
  await using second = await open(port);
  await put(second, "after");
  const brought = await page.brought(4);
  assertEquals(brought.map(({ body, gap, end }) => body ?? gap ?? end), [
    ...["before", "shutting_down", "epoch_changed", "after"],
  ]);
});

testPages("of an origin that is not allowed gets nothing", async (page, open) => {
  await using server = await open(0);
  await put(server, "secret");
  await page.follow(`http://127.0.0.1:${server.port}/topics/t?after=start`);
  assertEquals(await page.brought(1), [{ refused: true }]);
  assert(server.stats().refused >= 1);
}, { isAllowed: false });

/** Runs in the page: puts, reads and follows with a token, as a page does without `EventSource`. */
async function usePlainHttp(url: string) {
  const authorization = "Bearer a-token";
  const headers = { authorization, "idempotency-key": "order-7", "dsmq-header-a": "b" };
  const put = await fetch(url, { method: "POST", body: "seven", headers });
  const read = await fetch(url, { headers: { authorization } });
  const seen = ["dsmq-seq", "dsmq-message-id", "dsmq-header-a"].map((name) =>
    read.headers.get(name)
  );
  const follow = { authorization, accept: "application/x-ndjson" };
  const { body } = await fetch(`${url}?after=start`, { headers: follow });
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  const followed: string[] = [];
  for (let text = ""; followed.length < 2;) {
    text += (await reader.read()).value;
    for (let end; (end = text.indexOf("\n")) >= 0; text = text.slice(end + 1)) {
      if (end > 0) followed.push(JSON.parse(text.slice(0, end)).body);
      if (followed.length === 1) {
        await fetch(url, { method: "POST", body: "eight", headers: { authorization } });
      }
    }
  }
  await reader.cancel();
  const refused = await fetch(url).then(({ status }) => status);
  return { status: put.status, text: await read.text(), seen, followed, refused };
}

for (const transport of ["builtin", "hardened"] as const) {
  const name = "a page of an allowed origin puts, reads and follows with a token, by fetch";
  Deno.test({
    ...ignoredIf(noBrowser, `${name} (${transport})`),
    async fn() {
      await using opened = await openPage("");
      const allowedOrigins = [opened.origin];
      await using server = await openServer({ transport, auth: "a-token", allowedOrigins });
      const url = `http://127.0.0.1:${server.port}/topics/t`;
      assertEquals(
        await withTimeout(opened.page.evaluate(usePlainHttp, url), BROWSER_TIMEOUT),
        {
          status: 201,
          text: "seven",
          seen: ["1", "order-7", "b"],
          followed: ["seven", "eight"],
          refused: 401,
        },
      );
    },
  });
}
