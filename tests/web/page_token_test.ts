/**
 * The page where access is controlled: who is let in without a token can enter one, and what one token shows stays with it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { testPage } from "../support/opened_page.ts";

const ADMINISTRATOR = "the-token-of-an-administrator";
const TOKENS = [
  { token: ADMINISTRATOR, permissions: ["read", "write", "admin"] },
  { token: "a-token-that-reads-the-news", permissions: ["read"], topics: ["news"] },
] as const;

testPage(
  "where one may read without a token, a token can be entered, and one can go on without",
  async ({ page, mq, show }) => {
    await mq.put("news", "hello");
    await mq.put("secret", "hello");
    await show("#/topics/secret");
    await page.getByText("You may not read this topic.").waitFor();
    const enter = page.getByRole("button", { name: "Enter a token" });
    await enter.click();
    await page.getByRole("heading", { name: "Enter a token" }).waitFor();
    await page.getByRole("button", { name: "Go on without a token" }).click();
    await page.getByText("You may not read this topic.").waitFor();
    await enter.click();
    await page.getByLabel("Token").fill("a-wrong-token");
    await page.getByRole("button", { name: "Connect" }).click();
    await page.getByText(/token is not valid/).waitFor();
    await page.getByRole("button", { name: "Go on without a token" }).waitFor();
    await page.getByLabel("Token").fill(ADMINISTRATOR);
    await page.getByRole("button", { name: "Connect" }).click();
    await page.locator(".tail .message").waitFor();
    assertEquals(await enter.count(), 0);
    await page.getByRole("button", { name: "Forget token" }).click();
    await page.getByText("You may not read this topic.").waitFor();
  },
  {
    server: {
      auth: { tokens: TOKENS, anonymous: { permissions: ["read"], topics: ["news"] } } as never,
    },
    token: ADMINISTRATOR,
    complaints: /401/,
  },
);

testPage(
  "where everything is permitted without a token, none is asked for, and where one is needed there is no way without",
  async ({ page, server, show }) => {
    await show("#/");
    await page.getByText("There are no messages.").waitFor();
    assertEquals(await page.getByRole("button", { name: "Enter a token" }).count(), 0);
    await server.setAuth({ tokens: TOKENS } as never);
    await page.getByRole("heading", { name: "This server needs a token" }).waitFor();
    assertEquals(await page.getByRole("button", { name: /without/ }).count(), 0);
  },
  {
    server: {
      auth: {
        tokens: TOKENS,
        anonymous: { permissions: ["read", "write", "work", "admin"] },
      } as never,
    },
    token: ADMINISTRATOR,
    complaints: /401|WebSocket/,
  },
);

testPage(
  "where the server knows no tokens, none can be entered, even if not everything is permitted",
  async ({ page, server, show }) => {
    await show("#/connections");
    await page.getByText("Connections are for administrators of all topics.").waitFor();
    const enter = page.getByRole("button", { name: "Enter a token" });
    assertEquals(await enter.count(), 0);
    await server.setAuth({ tokens: TOKENS, anonymous: {} } as never);
    await enter.waitFor();
  },
  // As through a proxy, from elsewhere: there only clients of this machine are administrators.
  { browser: { extraHTTPHeaders: { "x-forwarded-for": "192.0.2.1" } } },
);

testPage(
  "what one token has shown is not there for the next, and a token is forgotten with what was typed",
  async ({ page, server, mq, show }) => {
    await mq.put("news", "hello");
    await mq.put("secret", "hello");
    await show("#/topics/secret");
    await page.getByLabel("Token").fill(ADMINISTRATOR);
    await page.getByRole("button", { name: "Connect" }).click();
    await page.getByLabel("Put a message").fill("a draft");
    await page.getByRole("link", { name: "Topics" }).click();
    await page.getByRole("link", { name: "secret" }).waitFor();
    await server.setAuth({
      tokens: [{ token: "another-administrator", permissions: ["admin"] }, TOKENS[1]],
    } as never);
    await page.getByLabel("Token").waitFor();
    await page.evaluate(`
      globalThis.seen = [];
      const look = () => seen.push(document.querySelector("main").innerText);
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true });`);
    await page.getByLabel("Token").fill(TOKENS[1].token);
    await page.getByRole("button", { name: "Connect" }).click();
    await page.getByRole("link", { name: "news" }).waitFor();
    const seen = await page.evaluate("seen") as string[];
    assertEquals(seen.filter((text) => text.includes("secret")), []);
    await page.getByRole("button", { name: "Forget token" }).click();
    await page.getByLabel("Token").waitFor();
    assertEquals(await page.evaluate("sessionStorage.length"), 0);
  },
  {
    server: { auth: { tokens: TOKENS } as never },
    token: ADMINISTRATOR,
    complaints: /401|WebSocket/,
  },
);
