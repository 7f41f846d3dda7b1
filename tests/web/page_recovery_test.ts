/**
 * The page where something fails: proxies, a status that is refused, a browser that keeps nothing, a view that throws.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { testPage } from "../support/opened_page.ts";

testPage(
  "behind a proxy that strips a prefix and redirects what has no slash, the page connects",
  async (opened) => {
    const { page, server, mq } = opened;
    await mq.put("t", "hello");
    // As nginx does with `location /q/ { proxy_pass http://server/; }`.
    const headersOf = (request: Request) => {
      const headers = new Headers(request.headers);
      headers.delete("host");
      return headers;
    };
    await using proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const { pathname, search } = new URL(request.url);
      if (!pathname.startsWith("/q/")) {
        return new Response(null, { status: 301, headers: { location: "/q/" } });
      }
      const target = `127.0.0.1:${server.port}${pathname.slice(2)}${search}`;
      if (request.headers.get("upgrade") === null) {
        return fetch(`http://${target}`, { method: request.method, headers: headersOf(request) });
      }
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "dsmq" });
      const upstream = new WebSocket(`ws://${target}`, ["dsmq"]);
      const opened = new Promise((resolve) => upstream.onopen = resolve);
      socket.onmessage = async ({ data }) => {
        await opened;
        upstream.send(data);
      };
      upstream.onmessage = ({ data }) => socket.send(data);
      socket.onclose = () => upstream.close();
      upstream.onclose = () => socket.readyState === socket.OPEN && socket.close();
      return response;
    });
    await page.goto(`http://127.0.0.1:${proxy.addr.port}/q/`);
    await page.getByRole("link", { name: "t", exact: true }).click();
    await page.locator(".tail .message").waitFor();
    await page.close();
  },
);

testPage(
  "a status that is refused for a while is shown as such, and asked for as the server says",
  async (opened) => {
    const { page, show } = opened;
    await show("#/server");
    await page.getByText("Connected", { exact: true }).waitFor();
    let asked = 0;
    await page.route("**/status", async (route) => {
      asked++;
      const body = JSON.stringify({ detail: "too many requests", code: "limit_exceeded" });
      await route.fulfill({ status: 429, headers: { "retry-after": "1" }, body });
    });
    await page.getByText("Reconnecting…").waitFor();
    await page.unroute("**/status");
    await page.getByText("Connected", { exact: true }).waitFor();
    assertEquals(asked >= 3, true);
  },
  { complaints: /429/ },
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
