/**
 * The views of the page, in a browser: what the server does, who is connected, what a token permits, and what a restart costs.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type TopicInfo } from "@dsmq/server";
import { assertAccessible } from "../support/accessibility.ts";
import { openServer } from "../support/open_server.ts";
import { testPage } from "../support/opened_page.ts";
import { formatBytes } from "../../web/page/format.ts";

testPage(
  "the topics are listed with what they hold, and what is put shows up by itself",
  async (opened) => {
    const { page, mq, show } = opened;
    await show("#/");
    await page.getByText("There are no messages.").waitFor();
    await mq.putMany("orders.eu", ["one", "two"]);
    const stream = mq.subscribe("orders.eu");
    const row = page.getByRole("row", { name: "orders.eu" }).filter({ hasText: "1 reader" });
    await row.waitFor();
    const [name, , count, size, , age] = await row.getByRole("cell").allTextContents();
    const [{ bytes }] = await mq.topics() as [TopicInfo];
    assertEquals([name, count, size], ["orders.eu", "2 messages", formatBytes(bytes)]);
    assertMatch(age!, /^(now|\d+ s)$/);
    await stream.return!();
    await mq.put("a", "x");
    await page.getByRole("link", { name: "a", exact: true }).waitFor();
    await page.getByLabel("Find or open a topic").fill("EU");
    await page.getByText("1 of 2 topics").waitFor();
    assertEquals(await page.getByRole("link", { name: "a", exact: true }).count(), 0);
    await page.getByLabel("Find or open a topic").fill("new");
    await page.getByRole("link", { name: "Open new" }).click();
    await page.getByRole("heading", { level: 1, name: "new", exact: true }).waitFor();
  },
);

testPage(
  "of ten thousand topics those on the screen are drawn, and each can be found and sorted by",
  async (opened) => {
    const { page, mq, show } = opened;
    const topics = Array.from({ length: 10_000 }, (_, i) => `topic.${`${i}`.padStart(5, "0")}`);
    await Promise.all(topics.map((topic, i) => mq.put(topic, "x".repeat(i % 7))));
    await mq.put(topics[777]!, "one more");
    await show("#/");
    await page.getByText("10,000 topics, read every 10 s").waitFor();
    const rows = page.locator(".topics-table .rows .row");
    assert(await rows.count() < 60);
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    await page.getByRole("link", { name: "topic.09999" }).waitFor();
    assert(await rows.count() < 60);
    // Who comes back from a topic finds the list as it was.
    await page.getByRole("link", { name: "topic.09999" }).click();
    await page.locator(".tail .message").waitFor();
    await page.goBack();
    await page.getByRole("link", { name: "topic.09999" }).waitFor();
    await page.evaluate("scrollTo(0, 0)");
    await page.getByRole("button", { name: "Messages" }).click();
    await page.locator("[aria-sort=descending]").getByText("Messages").waitFor();
    await rows.first().getByText("topic.00777").waitFor();
    await page.getByLabel("Find or open a topic").fill("04242");
    await page.getByText("1 of 10,000 topics").waitFor();
    assertEquals(await rows.count(), 1);
  },
);

testPage(
  "connections are listed with what they hold, and one is ended with its button",
  async (opened) => {
    const { page, server, show } = opened;
    const other = await connect(server.url, { reconnect: false });
    const stream = other.subscribe("t");
    await other.get("t");
    await show("#/connections");
    const row = page.getByRole("row").filter({ hasText: "1 stream" });
    await row.waitFor();
    assertEquals(await page.getByRole("row").filter({ hasText: "(this page)" }).count(), 1);
    await row.getByRole("button", { name: "Disconnect" }).click();
    assertEquals((await other.closed).code, "closed");
    await row.waitFor({ state: "detached" });
    await stream.return!();
  },
);

testPage(
  "an administrator sees what the server is, and how near its limits are",
  async (opened) => {
    const { page, mq, show } = opened;
    for (const topic of ["one", "two", "three", "four"]) await mq.put(topic, "x");
    await show("#/server");
    const main = page.getByRole("main");
    await main.getByText("80 %").waitFor();
    await main.getByRole("progressbar", { name: "Topics: 4 of 5" }).waitFor();
    const text = (await main.textContent())!;
    for (
      const part of ["Durability", "memory", "Retention10 min", "Topics4 of 5", "Transport"]
    ) {
      assert(text.includes(part), `${part} in ${text}`);
    }
  },
  { server: { limits: { topics: 5 } } },
);

const TOKENS = [
  { token: "the-token-of-an-administrator", permissions: ["read", "write", "admin"] },
  { token: "a-token-that-reads-the-news", permissions: ["read"], topics: ["news"] },
] as const;

testPage(
  "a token is asked for, kept for the tab alone, and what it does not permit is not there",
  async (opened) => {
    const { page, mq, show } = opened;
    await mq.put("news", "hello");
    await mq.put("secret", "hello");
    await show("#/");
    await page.getByLabel("Token").fill("a-wrong-token");
    await page.getByRole("button", { name: "Connect" }).click();
    await page.getByText(/token is not valid/).waitFor();
    await page.getByLabel("Token").fill(TOKENS[1].token);
    await page.getByRole("button", { name: "Connect" }).click();
    await page.getByRole("link", { name: "news" }).waitFor();
    assertEquals(await page.getByText("secret").count(), 0);
    assertEquals(await page.getByRole("link", { name: "Connections" }).count(), 0);
    await page.getByRole("link", { name: "news" }).click();
    await page.locator(".tail .message").waitFor();
    assertEquals(await page.getByRole("button", { name: "Purge…" }).count(), 0);
    assertEquals(await page.getByLabel("Put a message").count(), 0);
    assertEquals(await page.evaluate("[localStorage.length, document.cookie]"), [0, ""]);
    assert(!page.url().includes(TOKENS[1].token));
    await show("#/topics/secret");
    await page.getByText("You may not read this topic.").waitFor();
    assertEquals(await page.locator(".tail").count(), 0);
    await page.goBack();
    await page.locator(".tail .message").waitFor();
    // Kept for the tab: a reload asks for nothing, and another tab does.
    await page.reload();
    await page.locator(".tail .message").waitFor();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByLabel("Token").waitFor();
  },
  {
    server: { auth: { tokens: TOKENS } } as never,
    token: TOKENS[0].token,
    complaints: /401/,
  },
);

testPage(
  "after a restart the page comes back by itself, and says what was lost",
  async (opened) => {
    const { page, server, mq, show } = opened;
    await mq.putMany("t", ["one", "two"]);
    await show("#/topics/t");
    await page.locator(".tail .message").nth(1).waitFor();
    await page.waitForResponse(async (response) =>
      response.url().endsWith("/status") && (await response.json()).operation.stored.messages === 2
    );
    const { port } = server;
    await server.shutdown();
    await page.getByText("Reconnecting…").waitFor();
    await using again = await openServer({ port });
    await page.getByText("What it held in memory is lost: 2 messages when this page asked last.")
      .waitFor();
    await page.getByText("Connected", { exact: true }).waitFor();
    await using other = await connect(again.url);
    await other.put("t", "after the restart");
    await page.getByText("after the restart").waitFor();
    await page.getByText("The server lost its messages here, and began anew.").waitFor();
  },
  { complaints: /ERR_|WebSocket|503|410/ },
);

testPage("a server with another page than this one has it loaded, once", async (opened) => {
  const { page, show } = opened;
  let documents = 0;
  page.on("request", (request) => {
    if (request.resourceType() === "document") documents++;
  });
  let asked = 0;
  const asksAgain = Promise.withResolvers<void>();
  // A cache has another version each time it is asked.
  await page.route("**/", async (route) => {
    if (route.request().method() !== "HEAD") return await route.continue();
    await route.fulfill({ headers: { etag: `"${"0".repeat(16)}"` } });
    if (++asked > 1) asksAgain.resolve();
  });
  await show("#/server");
  await asksAgain.promise;
  // It would be loaded before it asks for anything else.
  await page.waitForResponse(/status$/);
  await page.getByText("Since the start").waitFor();
  assertEquals([documents, asked, new URL(page.url()).hash], [2, 2, "#/server"]);
});

testPage(
  "with the keyboard alone a topic is found, a message opened, and its dialog closed",
  async (opened) => {
    const { page, mq, show } = opened;
    await mq.put("t", "hello");
    await show("#/");
    await page.getByRole("link", { name: "t", exact: true }).waitFor();
    const focused = () => page.evaluate("document.activeElement.textContent");
    const tabTo = async (text: string) => {
      for (let i = 0; i < 40 && await focused() !== text; i++) await page.keyboard.press("Tab");
      assertEquals(await focused(), text);
    };
    await tabTo("t");
    await page.keyboard.press("Enter");
    await page.locator(".tail .message").waitFor();
    const opener = page.locator(".message button:focus");
    for (let i = 0; i < 40 && await opener.count() === 0; i++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    // The focus is where it was.
    await opener.waitFor();
  },
);

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [390, 1280]) {
    testPage(
      `axe-core finds nothing in any view, ${colorScheme}, ${width} pixels wide`,
      async (opened) => {
        const { page, mq, show } = opened;
        await mq.put("orders", '{"a":1}', { key: "k" });
        await show("#/");
        await page.getByRole("link", { name: "orders" }).waitFor();
        await assertAccessible(page);
        await page.getByRole("link", { name: "orders" }).click();
        await page.locator(".tail .message").waitFor();
        await page.getByText("Attributes").click();
        await assertAccessible(page);
        await page.locator(".tail .message button").click();
        await page.getByRole("dialog").waitFor();
        await assertAccessible(page);
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: "Purge…" }).click();
        await page.getByRole("dialog", { name: "Purge orders" }).waitFor();
        await assertAccessible(page);
        await page.getByRole("button", { name: "Continue" }).click();
        await page.getByRole("button", { name: "Back" }).waitFor();
        await assertAccessible(page);
        await page.keyboard.press("Escape");
        await show("#/connections");
        await page.getByText("(this page)").waitFor();
        await assertAccessible(page);
        await show("#/server");
        await page.getByText("Since the start").waitFor();
        await assertAccessible(page);
      },
      { browser: { colorScheme, viewport: { width, height: 800 } } },
    );
  }
  testPage(
    `axe-core finds nothing where a token is asked for, ${colorScheme}`,
    async ({ page, show }) => {
      await show("#/");
      await page.getByLabel("Token").waitFor();
      await assertAccessible(page);
    },
    {
      ...{ server: { auth: { tokens: TOKENS } } as never, token: TOKENS[0].token },
      ...{ browser: { colorScheme }, complaints: /401/ },
    },
  );
}
