/**
 * The page where something fails: proxies, a status that is refused, a browser that keeps nothing.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { WebSocketRoute } from "playwright-core";
import { openServer } from "../support/open_server.ts";
import { testPage } from "../support/opened_page.ts";
import { proxyTo } from "../support/http_proxy.ts";

testPage(
  "behind a proxy that strips a prefix and redirects what has no slash, the page connects",
  async (opened) => {
    const { page, server, mq } = opened;
    await mq.put("t", "hello");
    await using proxy = proxyTo(server.port, { prefix: "/q/", passesWebSockets: true });
    await page.goto(`http://127.0.0.1:${proxy.addr.port}/q/`);
    await page.getByRole("link", { name: "t", exact: true }).click();
    await page.locator(".tail .message").waitFor();
    await page.close();
  },
);

testPage(
  "behind a proxy that passes no WebSockets the page says so, and asks for a token when one is needed",
  async ({ page, server }) => {
    await using proxy = proxyTo(server.port, { prefix: "/", passesWebSockets: false });
    await page.goto(`http://127.0.0.1:${proxy.addr.port}/`);
    await page.getByText("The server answers, but no WebSocket opens.").waitFor();
    await server.setAuth({ tokens: [{ token: "a-token-of-somebody", permissions: ["read"] }] });
    await page.getByLabel("Token").waitFor();
    await page.close();
  },
  {
    server: {
      auth: { tokens: [{ token: "a-token-of-somebody", permissions: ["read"] }], anonymous: {} },
    },
    token: "a-token-of-somebody",
    complaints: /WebSocket|401/,
  },
);

testPage(
  "while the status is refused messages come, and the page says why figures are old and when it asks again",
  async ({ page, mq, show }) => {
    await show("#/topics/t");
    await page.getByText("Connected", { exact: true }).waitFor();
    let asked = 0;
    await page.route("**/status", async (route) => {
      asked++;
      const body = JSON.stringify({ detail: "too many requests", code: "limit_exceeded" });
      await route.fulfill({ status: 429, headers: { "retry-after": "60" }, body });
    });
    await page.getByText("too many requests. The page tries again after 60 s.").waitFor();
    await page.getByText("Out of date", { exact: true }).waitFor();
    for (const message of ["one", "two", "three"]) {
      await mq.put("t", message);
      await page.locator(".tail .message", { hasText: message }).waitFor();
      // The figures of a topic are read each second.
      await page.waitForResponse(/topics\?prefix=t/);
    }
    await page.locator(".bar .help").getByText("Live", { exact: true }).waitFor();
    assertEquals(asked, 1);
  },
  { complaints: /429/ },
);

testPage(
  "while the server is gone the page says that it does not answer, and nothing when it is back",
  async ({ page, server, show }) => {
    await show("#/topics/t");
    await page.getByText("Waiting for messages.").waitFor();
    await page.evaluate(`
      globalThis.notices = [];
      const look = () => notices.push(...[...document.querySelectorAll(".notice p")]
        .map((notice) => notice.innerText));
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true });`);
    const { port } = server;
    await server.shutdown();
    await page.getByText("The server does not answer. The page tries again by itself.").waitFor();
    await page.getByText("Reconnecting…").waitFor();
    await page.getByText("No connection", { exact: true }).waitFor();
    for (let i = 0; i < 3; i++) await page.waitForEvent("requestfailed");
    await using _again = await openServer({ port });
    await page.getByText("Connected", { exact: true }).waitFor();
    await page.getByText("The server does not answer.").waitFor({ state: "detached" });
    const notices = await page.evaluate("notices") as string[];
    // Also while plain HTTP answers again and the WebSocket waits for its next attempt.
    assertEquals(notices.filter((text) => !/does not answer|started anew/.test(text)), []);
  },
  { complaints: /ERR_|WebSocket|503|410/ },
);

testPage(
  "that no WebSocket opens is said of attempts that failed while the server answered, not of one that takes long",
  async ({ page, show }) => {
    let kind: "passes" | "fails" | "waits" = "passes";
    const waiting: WebSocketRoute[] = [];
    const open: WebSocketRoute[] = [];
    let onFailed = () => {};
    await page.routeWebSocket(/./, (socket) => {
      if (kind === "passes") open.push(socket.connectToServer());
      else if (kind === "fails") void socket.close({ code: 4000 }).then(() => onFailed());
      else waiting.push(socket);
    });
    await show("#/topics/t");
    await page.getByText("Waiting for messages.").waitFor();
    await page.route("**/status", (route) => route.abort());
    kind = "fails";
    await open[0]!.close({ code: 4000 });
    await page.getByText("The server does not answer.").waitFor();
    // The last attempt fails while nothing answers, and the next one takes its time.
    await new Promise<void>((resolve) => onFailed = resolve);
    kind = "waits";
    await page.unroute("**/status");
    for (let i = 0; i < 2; i++) await page.waitForResponse(/status$/);
    assertEquals(await page.locator(".notice").allInnerTexts(), []);
    await page.getByText("Reconnecting…").waitFor();
    kind = "fails";
    for (const socket of waiting) await socket.close({ code: 4000 });
    await page.getByText("The server answers, but").waitFor();
    kind = "passes";
    await page.getByText("Connected", { exact: true }).waitFor();
    assertEquals(await page.locator(".notice").allInnerTexts(), []);
  },
  { complaints: /ERR_FAILED|WebSocket/ },
);

testPage(
  "a token that is revoked while the page is open is asked for again, with the reason",
  async (opened) => {
    const { page, server, show } = opened;
    await show("#/");
    await page.getByLabel("Token").fill("the-token-that-is-revoked");
    await page.getByRole("button", { name: "Connect" }).click();
    await page.getByText("Connected", { exact: true }).waitFor();
    await server.setAuth({
      tokens: [{ token: "the-token-of-an-administrator", permissions: ["admin"] }],
    });
    await page.getByLabel("Token").waitFor();
    await page.getByText(/not valid/).waitFor();
  },
  {
    server: {
      auth: {
        tokens: [
          { token: "the-token-of-an-administrator", permissions: ["read", "admin"] },
          { token: "the-token-that-is-revoked", permissions: ["read"] },
        ],
      },
    },
    token: "the-token-of-an-administrator",
    complaints: /401|WebSocket/,
  },
);

testPage(
  "in a browser that keeps nothing the page works, also for who types a message",
  async (opened) => {
    const { page, mq, show } = opened;
    await page.addInitScript(() => {
      const refuse = () => {
        throw new DOMException("denied", "SecurityError");
      };
      Object.defineProperty(globalThis, "sessionStorage", { get: refuse });
    });
    await show("#/topics/t");
    await page.getByLabel("Put a message").fill("hello");
    await page.getByRole("button", { name: "Put", exact: true }).click();
    await page.locator(".tail .message").waitFor();
    assertEquals(await mq.get("t"), "hello");
  },
);

testPage(
  "in a browser that keeps nothing a page of another version says so instead of loading itself for ever",
  async ({ page, show }) => {
    await page.addInitScript(() => {
      const refuse = () => {
        throw new DOMException("denied", "SecurityError");
      };
      Object.defineProperty(globalThis, "sessionStorage", { get: refuse });
    });
    let documents = 0;
    page.on("request", (request) => {
      if (request.resourceType() === "document") documents++;
    });
    await page.route("**/", async (route) => {
      if (route.request().method() !== "HEAD") return await route.continue();
      await route.fulfill({ headers: { etag: `"${"0".repeat(16)}"` } });
    });
    await show("#/");
    await page.getByText("The server has another version of this page: load it again.").waitFor();
    await page.waitForResponse(/status$/);
    assertEquals(documents, 1);
  },
);
