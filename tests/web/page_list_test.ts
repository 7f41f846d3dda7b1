/**
 * The list of a topic's messages, in a browser: with the keyboard, and where its box changes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { assertAccessible } from "../support/accessibility.ts";
import { testPage } from "../support/opened_page.ts";

/** The text of the message that has the focus; `undefined`: none has it. */
const focused = (page: Page) =>
  page.evaluate<string | undefined>(
    `document.activeElement.closest("[role=option]")?.querySelector(".text").textContent`,
  );

/** Presses a key, and waits until a message has the focus. */
async function press(page: Page, key: string, text: string) {
  await page.keyboard.press(key);
  await page.locator(`.tail [role=option]:focus .text`).and(page.getByText(text, { exact: true }))
    .waitFor();
  await assertInView(page, text);
}

/** All of what has the focus is in the box of the list. */
async function assertInView(page: Page, text: string) {
  assertEquals(await focused(page), text);
  const isInView = await page.evaluate(`(() => {
    const [row, box] = [document.activeElement, document.activeElement.closest(".tail")]
      .map((element) => element.getBoundingClientRect());
    return row.top >= box.top - 1 && row.bottom <= box.bottom + 1;
  })()`);
  assert(isInView, `${text} is in view`);
}

/** A replay of 600 messages, of which the first 200 are there. */
async function openReplay({ page, mq, show }: Parameters<Parameters<typeof testPage>[1]>[0]) {
  await mq.putMany("t", Array.from({ length: 600 }, (_, i) => `message ${i}`));
  await show("#/topics/t");
  await page.getByLabel("From where").selectOption({ label: "From the oldest" });
  await page.getByText("Replay: scroll down for more").waitFor();
}

testPage(
  "the list is one stop for the Tab key, and the arrow keys go from message to message in it",
  async (opened) => {
    const { page } = opened;
    await openReplay(opened);
    await page.getByLabel("From where").focus();
    await press(page, "Tab", "message 0");
    await page.keyboard.press("Tab");
    assertEquals(await page.evaluate("document.activeElement.id"), "put-body");
    await press(page, "Shift+Tab", "message 0");
    await press(page, "ArrowDown", "message 1");
    await press(page, "ArrowUp", "message 0");
    await press(page, "ArrowUp", "message 0");
    await page.keyboard.press("PageDown");
    await page.locator(".tail [role=option]:focus").filter({ hasNotText: /message 0$/ }).waitFor();
    assert(Number((await focused(page))!.split(" ")[1]) > 3);
    await press(page, "PageUp", "message 0");
    await press(page, "End", "message 199");
    // At the end a replay goes on.
    await page.locator("[role=option][aria-posinset='201']").waitFor();
    await press(page, "ArrowDown", "message 200");
    await press(page, "Home", "message 0");
    await page.keyboard.press("Shift+Tab");
    assertEquals(await page.evaluate("document.activeElement.tagName"), "SELECT");
    // Of a row that the box cuts axe-core cannot tell the ground.
    await assertAccessible(page, ["color-contrast"]);
  },
);

testPage(
  "the message with the focus stays in the document wherever the list is scrolled to, and has it after its dialog",
  async (opened) => {
    const { page } = opened;
    await openReplay(opened);
    await page.getByLabel("From where").focus();
    await press(page, "Tab", "message 0");
    await press(page, "ArrowDown", "message 1");
    await page.evaluate(`document.querySelector(".tail").scrollTop = 4000`);
    await page.getByText("message 130", { exact: true }).waitFor();
    assertEquals(await focused(page), "message 1");
    await page.evaluate(`document.querySelector(".tail").scrollTop = 2000`);
    await page.getByText("message 65", { exact: true }).waitFor();
    assertEquals(await focused(page), "message 1");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Message 2" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.locator(".tail [role=option]:focus").getByText("message 1").waitFor();
    await press(page, "ArrowDown", "message 2");
  },
);

testPage(
  "a message that goes leaves the focus to the next one, also while its dialog is open",
  async (opened) => {
    const { page, mq, show } = opened;
    const putMany = (name: string) =>
      mq.putMany("t", Array.from({ length: 1200 }, (_, i) => `${name} ${i}`));
    await mq.putMany("t", ["first", "second"]);
    await show("#/topics/t");
    await page.getByText("second", { exact: true }).waitFor();
    await page.getByLabel("From where").focus();
    await press(page, "Tab", "second");
    await press(page, "ArrowUp", "first");
    await putMany("message");
    await page.getByText("first", { exact: true }).waitFor({ state: "detached" });
    const row = page.locator(".tail [role=option]:focus");
    await row.waitFor();
    const text = await focused(page);
    assert(/^message \d+$/.test(text!), text);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await putMany("more");
    await page.locator(".tail").getByText(text!, { exact: true }).waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await row.waitFor();
    assert(/^(message|more) \d+$/.test((await focused(page))!), text);
    assert(await focused(page) !== text);
  },
);

testPage(
  "whoever is at a message with the keyboard is not taken away from it, and at the last one sees what comes",
  async (opened) => {
    const { page, mq, show } = opened;
    await mq.putMany("t", Array.from({ length: 40 }, (_, i) => `message ${i}`));
    await show("#/topics/t");
    await page.getByText("message 39", { exact: true }).waitFor();
    await page.getByLabel("From where").focus();
    await press(page, "Tab", "message 39");
    await press(page, "ArrowUp", "message 38");
    await mq.putMany("t", Array.from({ length: 100 }, (_, i) => `more ${i}`));
    await page.locator("[aria-setsize='140']").first().waitFor({
      state: "attached",
    });
    await assertInView(page, "message 38");
    await press(page, "ArrowUp", "message 37");
    await press(page, "End", "more 99");
    await mq.put("t", "last");
    await page.getByText("last", { exact: true }).waitFor();
    assertEquals(await focused(page), "more 99");
    // Also whoever has left the list.
    await press(page, "End", "last");
    await press(page, "ArrowUp", "more 99");
    await page.keyboard.press("Tab");
    await mq.putMany("t", Array.from({ length: 50 }, (_, i) => `even more ${i}`));
    await page.getByText("even more 49", { exact: true }).waitFor();
  },
);

testPage("where the box of the list grows, it is filled", async (opened) => {
  const { page } = opened;
  await openReplay(opened);
  const put = page.getByLabel("Put a message");
  await put.evaluate((field) => field.style.height = "700px");
  await page.evaluate(`document.querySelector(".tail").scrollTop = 1500`);
  await page.getByText("message 47", { exact: true }).waitFor();
  const beyond = page.getByText("message 66", { exact: true });
  assertEquals(await beyond.count(), 0);
  await put.evaluate((field) => field.style.height = "50px");
  await beyond.waitFor();
}, { browser: { viewport: { width: 1280, height: 1400 } } });

testPage("each replay begins at its first message, also after another one", async (opened) => {
  const { page } = opened;
  await openReplay(opened);
  const replayAfter = async (seq: number) => {
    await page.getByLabel("From where").selectOption({ label: "After a position" });
    await page.getByLabel("Number or position").fill(`${seq}`);
    await page.getByRole("button", { name: "Go" }).click();
    await page.getByText(`message ${seq}`, { exact: true }).waitFor();
    await page.getByText("Replayed to the end, now live").waitFor();
  };
  await replayAfter(500);
  await page.evaluate(`document.querySelector(".tail").scrollTop = 1e6`);
  await page.getByText("message 599", { exact: true }).waitFor();
  await replayAfter(520);
  assertEquals(await page.evaluate(`document.querySelector(".tail").scrollTop`), 0);
});
