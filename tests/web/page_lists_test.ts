/**
 * The lists and forms of the page where a request is refused, or takes its time.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { openServer } from "../support/open_server.ts";
import { testPage } from "../support/opened_page.ts";

/** Has the server refuse requests of this page, while they are named here. */
async function refuse(page: Page): Promise<Set<string>> {
  const refused = new Set<string>();
  await page.routeWebSocket(/./, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((frame) => {
      const { action, id } = JSON.parse(`${frame}`.split("\n")[0]!);
      if (!refused.has(action)) return server.send(frame);
      const error = { code: "unavailable", message: `Cannot do ${action}: not now` };
      socket.send(JSON.stringify({ id, error }));
    });
  });
  return refused;
}

testPage(
  "a list of topics that cannot be read is said, and what was read before stays",
  async (opened) => {
    const { page, mq, show } = opened;
    const refused = await refuse(page);
    await mq.put("orders", "one");
    await show("#/");
    await page.getByRole("link", { name: "orders" }).waitFor();
    refused.add("topics");
    const problem = page.getByText("Cannot do topics: not now");
    await problem.waitFor();
    assert(await page.getByRole("link", { name: "orders" }).isVisible());
    refused.clear();
    await problem.waitFor({ state: "detached" });
  },
);

testPage(
  "why a connection was not ended stays, until one is",
  async (opened) => {
    const { page, mq, show } = opened;
    const refused = await refuse(page);
    refused.add("disconnect");
    await show("#/connections");
    const row = page.getByRole("row").filter({ hasText: "Disconnect", hasNotText: "(this page)" });
    await row.getByRole("button").click();
    const problem = page.getByText("Cannot do disconnect: not now");
    await problem.waitFor();
    // Another list comes.
    const stream = mq.subscribe("t");
    await row.filter({ hasText: "1 stream" }).waitFor();
    assert(await problem.isVisible());
    refused.clear();
    await row.getByRole("button").click();
    await problem.waitFor({ state: "detached" });
    await stream.return!();
  },
);

testPage(
  "the charts show what is put and delivered",
  async (opened) => {
    const { page, mq, show } = opened;
    await show("#/");
    const chart = page.getByRole("img", { name: /^Puts a second: / });
    await chart.waitFor();
    let isShown = false;
    const shown = page.getByRole("img", { name: /^Puts a second: .*, at most [1-9]/ }).waitFor()
      .then(() => isShown = true);
    while (!isShown) await mq.put("t", "x");
    await shown;
    assertMatch((await chart.getAttribute("aria-label"))!, / in the last five minutes$/);
    await page.locator(".plot canvas").first().waitFor();
  },
);

testPage(
  "a message that waits for the connection is seen to do so by who comes back, and is put once",
  async (opened) => {
    const { page, server, show } = opened;
    await show("#/topics/t");
    await page.getByText("Waiting for messages.").waitFor();
    const { port } = server;
    await server.shutdown();
    await page.getByText("Reconnecting…").waitFor();
    await page.getByLabel("Put a message").fill("only once");
    await page.getByRole("button", { name: "Put" }).click();
    await page.getByText("Waits for the connection…").waitFor();
    await page.getByRole("link", { name: "Server" }).click();
    await page.getByRole("heading", { name: "Limits" }).waitFor();
    await page.goBack();
    await page.getByText("Waits for the connection…").waitFor();
    assert(await page.getByRole("button", { name: "Put", exact: true }).isDisabled());
    await using again = await openServer({ port });
    await page.getByText("Stored as message 1").waitFor();
    assertEquals(await page.getByLabel("Put a message").inputValue(), "");
    assertEquals(again.stats().stored, 1);
  },
  { complaints: /ERR_|WebSocket|503|410/ },
);

testPage(
  "who goes back in a purge stands where it goes on",
  async (opened) => {
    const { page, mq, show } = opened;
    await mq.put("t", "x");
    await show("#/topics/t");
    await page.getByRole("button", { name: "Purge…" }).click();
    const focused = (text: string) => page.locator("button:focus", { hasText: text }).waitFor();
    await page.getByRole("button", { name: "Continue" }).click();
    await focused("Back");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Continue" }).waitFor();
    await focused("Continue");
  },
);
