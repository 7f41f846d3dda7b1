/**
 * The page in a tab that nobody looks at: it asks for nothing, and knows what happened as soon as it is shown.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { openServer } from "../support/open_server.ts";
import { testPage } from "../support/opened_page.ts";

/** Whether somebody looks is what the test says from now on: at first nobody does, or somebody. */
async function lookedAt(page: Page, isLookedAt: boolean) {
  const script = `
    let state = ${JSON.stringify(isLookedAt ? "visible" : "hidden")};
    Object.defineProperty(document, "visibilityState", { get: () => state });
    addEventListener("look", ({ detail }) => {
      state = detail;
      document.dispatchEvent(new Event("visibilitychange"));
    });`;
  await page.addInitScript(script);
  const set = (state: string) =>
    page.evaluate((detail) => void dispatchEvent(new CustomEvent("look", { detail })), state);
  return { hide: () => set("hidden"), show: () => set("visible") };
}

/** What is asked for over plain HTTP from now on, but for the page itself. */
function requestsOf(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => {
    const isFile = request.method() === "GET" && /\.(js|css|svg\??)$|\/$/.test(request.url());
    if (!isFile && /^http/.test(request.url())) asked.push(request.url());
  });
  return asked;
}

testPage(
  "a page that is opened in the background asks for nothing until it is shown",
  async (opened) => {
    const { page, show } = opened;
    const tab = await lookedAt(page, false);
    const asked = requestsOf(page);
    await show("#/");
    await page.getByText("Connecting…").first().waitFor();
    assertEquals(asked, []);
    await tab.show();
    await page.getByText("There are no messages.").waitFor();
  },
);

testPage(
  "without a server a page in the background tries nothing, and at once when it is shown",
  async ({ page, show }) => {
    const tab = await lookedAt(page, true);
    await page.clock.install();
    await show("#/");
    await page.getByText("There are no messages.").waitFor();
    await page.route("**/status", (route) => route.abort());
    await page.reload();
    await page.getByText("The server does not answer.").waitFor();
    await tab.hide();
    const asked = requestsOf(page);
    for (let i = 0; i < 3; i++) {
      await page.clock.runFor(3000);
      // What was asked for before is known, too, when this is.
      await Promise.all([page.waitForRequest(/icon/), page.evaluate("fetch('icon.svg?').then()")]);
    }
    assertEquals(asked, []);
    await page.unroute("**/status");
    await tab.show();
    await page.getByText("There are no messages.").waitFor();
  },
  { complaints: /ERR_FAILED/ },
);

testPage(
  "a page in the background follows its server through restarts without asking, and tells of them when it is shown",
  async ({ page, server, mq, show }) => {
    const tab = await lookedAt(page, true);
    await mq.put("t", "lost");
    await show("#/");
    await page.getByRole("link", { name: "t", exact: true }).waitFor();
    await tab.hide();
    const asked = requestsOf(page);
    const { port } = server;
    let running = server;
    for (let i = 0; i < 2; i++) {
      await running.shutdown();
      await page.getByText("Reconnecting…").waitFor();
      running = await openServer({ port });
      await page.getByText("Connected", { exact: true }).waitFor();
    }
    await using _last = running;
    assertEquals(asked, []);
    await tab.show();
    await page.getByText("The server was started anew.").waitFor();
    await page.getByText("There are no messages.").waitFor();
  },
  { complaints: /ERR_|WebSocket/ },
);

testPage(
  "views that were left in the background ask for nothing when the page is shown",
  async (opened) => {
    const { page, show } = opened;
    const tab = await lookedAt(page, true);
    let lists = 0;
    page.on("websocket", (socket) =>
      socket.on("framesent", ({ payload }) => {
        lists += `${payload}`.match(/"action":"topics"/g)?.length ?? 0;
      }));
    await show("#/");
    await page.getByText("There are no messages.").waitFor();
    await tab.hide();
    lists = 0;
    for (let i = 0; i < 10; i++) {
      for (const [hash, name] of [["#/server", "Server"], ["#/", "Topics"]]) {
        await page.evaluate((hash) => void (location.hash = hash!), hash);
        await page.locator("nav [aria-current=page]", { hasText: name! }).waitFor();
      }
    }
    assertEquals(lists, 0);
    const nextStatus = page.waitForResponse(/status$/);
    await tab.show();
    await nextStatus;
    await page.waitForResponse(/status$/);
    assert(lists >= 1 && lists <= 5, `${lists} lists in about a second`);
  },
);

testPage(
  "what changes before the page has drawn for the second time is shown, however late a browser lets it draw",
  async ({ page, show }) => {
    // As in a tab in the background: no frames, and timers once a second.
    await page.addInitScript(`
      globalThis.requestAnimationFrame = () => 0;
      const { setTimeout } = globalThis;
      globalThis.setTimeout = (callback, ms = 0) => setTimeout(callback, Math.max(1000, ms));`);
    await show("#/");
    await page.getByLabel("Token").waitFor();
  },
  {
    server: {
      auth: { tokens: [{ token: "the-token-of-an-administrator", permissions: ["admin"] }] },
    },
    token: "the-token-of-an-administrator",
    complaints: /401/,
  },
);
