/**
 * The page of a topic, in a browser: to watch, filter, pause, replay, put and purge.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import type { TopicInfo } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import { formatDate } from "../../web/page/format.ts";
import { testPage } from "../support/opened_page.ts";

const CLOCK = new ManualClock();

/** The texts of the messages on the screen, once there are as many as this. */
async function texts(page: Page, count: number): Promise<string[]> {
  const rows = page.locator(".tail .message");
  await rows.nth(count).waitFor({ state: "detached" });
  await rows.nth(count - 1).waitFor();
  return await page.locator(".tail .message .text, .tail .message .none").allTextContents();
}

testPage(
  "a topic shows the messages that are there, each that is put as it comes, and that the page is a reader",
  async (opened) => {
    const { page, mq, show } = opened;
    await mq.putMany("orders", ["one", "two"]);
    await show("#/topics/orders");
    assertEquals(await texts(page, 2), ["one", "two"]);
    await mq.put("orders", "three");
    await mq.put("others", "not here");
    await mq.put("orders", "");
    assertEquals(await texts(page, 4), ["one", "two", "three", "empty"]);
    await page.locator("dt:text-is('Readers, with this page') + dd:text-is('1')").waitFor();
  },
);

testPage(
  "a filter leaves the messages that have it in text or attributes, and a pause takes no more",
  async (opened) => {
    const { page, mq, show } = opened;
    await mq.putMany("others", ["x"]);
    await mq.putMany("t", ["apple", "Pear", {
      body: "plum",
      key: "PEARS",
      headers: { "a-b": "C" },
    }]);
    await show("#/topics/t");
    await texts(page, 3);
    for (const attribute of ["a-B", "c"]) {
      await page.getByLabel("Filter the messages").fill(attribute);
      assertEquals(await texts(page, 1), ["plum"]);
    }
    await page.getByLabel("Filter the messages").fill("pear");
    assertEquals(await texts(page, 2), ["Pear", "plum"]);
    await mq.putMany("t", ["pears", "grapes"]);
    assertEquals(await texts(page, 3), ["Pear", "plum", "pears"]);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused").waitFor();
    await mq.put("t", "a pear, while nobody looks");
    // The page has heard of it, and of what was asked for after that.
    await page.locator("dt:text-is('Messages') + dd:text-is('6')").waitFor();
    await page.waitForResponse(/topics\?prefix=t/);
    assertEquals(await texts(page, 3), ["Pear", "plum", "pears"]);
    await page.getByRole("button", { name: "Resume" }).click();
    assertEquals((await texts(page, 4)).at(-1), "a pear, while nobody looks");
    await page.getByLabel("Filter the messages").fill("none of them");
    await page.getByText("None of the messages here (of large ones the beginning) has this in it.")
      .waitFor();
    await page.getByLabel("Filter the messages").fill("");
    await mq.put("t", "last");
    assertEquals((await texts(page, 7)).at(-1), "last");
  },
);

testPage("more tabs than a browser has connections for show what comes", async (opened) => {
  const { page, mq, address, show } = opened;
  const others = await Promise.all(Array.from({ length: 8 }, () => page.context().newPage()));
  await show("#/topics/t");
  for (const other of others) await other.goto(`${address}#/topics/t`);
  await mq.put("t", "for all of them");
  for (const other of [page, ...others]) {
    await other.bringToFront();
    await other.locator(".tail .message").waitFor();
  }
});

testPage(
  "a replay begins at the oldest message, at a number, or at a time, and goes on with what comes",
  async (opened) => {
    const { page, mq, show } = opened;
    const seqs = await mq.putMany("t", Array.from({ length: 300 }, (_, i) => `message ${i}`));
    await show("#/topics/t");
    await page.waitForSelector(".tail .message");
    const first = () => page.locator(".tail .message .text").first();
    const from = page.getByLabel("From where");
    await from.selectOption({ label: "From the oldest" });
    await page.getByText("Replay: scroll down for more").waitFor();
    assertEquals(await first().textContent(), "message 0");
    await page.locator(".tail").evaluate((list) => list.scrollTo(0, list.scrollHeight));
    await page.getByText("Replayed to the end, now live").waitFor();
    await page.locator(".tail").evaluate((list) => list.scrollTo(0, list.scrollHeight));
    await page.getByText("message 299").waitFor();
    await from.selectOption({ label: "After a position" });
    await page.getByLabel("Number or position").fill(`${seqs[289]}`);
    await page.getByRole("button", { name: "Go" }).click();
    assertEquals((await texts(page, 10))[0], "message 290");
    await mq.put("t", "live again");
    assertEquals((await texts(page, 11)).at(-1), "live again");
    await from.selectOption({ label: "From 5 minutes ago" });
    await page.getByText("Replay: scroll down for more").waitFor();
    assertEquals(await first().textContent(), "message 0");
    await from.selectOption({ label: "After a position" });
    const typed = page.getByLabel("Number or position");
    await typed.fill("nonsense");
    await page.getByRole("button", { name: "Go" }).click();
    assertEquals(await typed.evaluate((input) => input.matches(":focus:invalid")), true);
    assertEquals(await first().textContent(), "message 0");
    const stream = mq.subscribe("t", { since: seqs[290]! });
    const { position } = (await stream.next()).value!;
    await stream.return!();
    await typed.fill(` ${position} `);
    await page.getByRole("button", { name: "Go" }).click();
    assertEquals((await texts(page, 9))[0], "message 292");
  },
);

testPage("a replay from a time begins with the messages that came then", async (opened) => {
  const { page, mq, show } = opened;
  await mq.put("t", "one");
  CLOCK.advance(180_000);
  await mq.put("t", "two");
  CLOCK.advance(240_000);
  await mq.put("t", "three");
  await show("#/topics/t");
  assertEquals(await texts(page, 3), ["one", "two", "three"]);
  const from = page.getByLabel("From where");
  await from.selectOption({ label: "From 5 minutes ago" });
  assertEquals(await texts(page, 2), ["two", "three"]);
  await from.selectOption({ label: "From a time" });
  const [{ time }] = await mq.topics() as [TopicInfo];
  await page.getByLabel("Time").fill(formatDate(time).slice(0, 19));
  await page.getByRole("button", { name: "Go" }).click();
  assertEquals(await texts(page, 1), ["three"]);
}, { server: { clock: CLOCK } });

testPage(
  "what is put in the page is stored with its attributes, and what is wrong with it is said",
  async (opened) => {
    const { page, mq, show } = opened;
    await show("#/topics/new%20topic");
    await page.getByText("Waiting for messages.").waitFor();
    const body = page.getByLabel("Put a message");
    await body.fill("hello\n\u{1f600} <b>");
    await page.getByText("Attributes").click();
    await page.getByLabel("Message ID").fill("m-1");
    await page.getByLabel("Key").fill("ann");
    await page.getByLabel("Headers").fill("source: page\nurl: http://x:1");
    await page.getByRole("button", { name: "Put" }).click();
    await page.getByText("Stored as message 1").waitFor();
    const { topic, body: text, messageId, key, headers } =
      (await mq.read("new topic", { wait: 5000 }))!;
    assertEquals({ topic, text, messageId, key, headers: { ...headers } }, {
      ...{ topic: "new topic", text: "hello\n\u{1f600} <b>", messageId: "m-1", key: "ann" },
      headers: { source: "page", url: "http://x:1" },
    });
    assertEquals([await body.inputValue(), await page.getByLabel("Message ID").inputValue()], [
      "",
      "",
    ]);
    await page.getByLabel("Headers").fill("none");
    await page.getByRole("button", { name: "Put" }).click();
    await page.getByText("A header is a name, a colon and a value, got: none").waitFor();
    await page.getByLabel("Headers").fill("");
    await body.fill("by keyboard");
    await page.keyboard.press("Control+Enter");
    await page.getByText("Stored as message 2").waitFor();
    assertEquals((await texts(page, 2)).at(-1), "by keyboard");
  },
);

testPage(
  "a purge asks what, and then once more, and says how many messages are gone",
  async (opened) => {
    const { page, mq, show } = opened;
    await mq.putMany("t", ["one", "two", "three"]);
    await show("#/topics/t");
    await page.getByRole("button", { name: "Purge…" }).click();
    const dialog = page.getByRole("dialog", { name: "Purge t" });
    await dialog.getByLabel("messages older than 1 hour").check();
    await dialog.getByRole("button", { name: "Continue" }).click();
    await dialog.getByRole("button", { name: "Back" }).click();
    await dialog.getByLabel("all messages").check();
    await dialog.getByRole("button", { name: "Continue" }).click();
    assertMatch((await dialog.textContent())!, /gone for every reader/);
    assertEquals((await mq.topics())[0]!.messages, 3);
    await dialog.getByRole("button", { name: "Purge all messages" }).click();
    await dialog.getByText("3 messages purged.").waitFor();
    assertEquals(await mq.topics(), []);
  },
);

testPage("script in topics, messages and attributes is text", async (opened) => {
  const { page, mq, show } = opened;
  const evil = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>';
  await mq.put(evil, evil, { key: evil, messageId: evil, headers: { [evil]: evil } });
  await mq.put("__proto__", "constructor");
  await show("#/");
  const link = page.getByRole("link", { name: evil });
  await link.waitFor();
  assertEquals(await page.getByRole("link", { name: "__proto__" }).count(), 1);
  await link.click();
  const message = page.locator(".tail .message button");
  // A link takes a moment to lead there.
  await message.waitFor();
  assertEquals(await page.locator("h1").textContent(), evil);
  await message.click();
  assertEquals(await page.locator("dialog pre").textContent(), evil);
  assertEquals(await page.locator("main img, main script, dialog img, dialog script").count(), 0);
  assertEquals(await page.evaluate("typeof hacked"), "undefined");
});
