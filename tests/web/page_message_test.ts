/**
 * One message in full: what the page asks the server for, and its dialog, in a browser.
 *
 * @module
 */

import { connect, type StoreChoice, type TopicInfo } from "@dsmq/server";
import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../../testing/manual_clock.ts";
import { formatDate } from "../../web/page/format.ts";
import { ServerApi } from "../../web/page/server_api.ts";
import { FileFolder } from "../support/file_folder.ts";
import { openServer } from "../support/open_server.ts";
import { testPage } from "../support/opened_page.ts";

const { signal } = new AbortController();

/** What a page that read a message before a restart of its server finds of it after that. */
async function foundAfterRestart(store: StoreChoice) {
  // Also its time is that of the other one.
  const options = { store, clock: new ManualClock() };
  const first = await openServer(options);
  const { port } = first;
  const api = new ServerApi(`http://127.0.0.1:${port}/`);
  const putInto = async (url: string, body: string) => {
    await using mq = await connect(url);
    await mq.put("t", body);
  };
  await putInto(first.url, "before");
  const { messages: [kept] } = await api.messages("t", { after: "start", count: 1 }, signal);
  await first.shutdown();
  await using second = await openServer({ ...options, port });
  await putInto(second.url, "after");
  return await api.message("t", kept!, signal);
}

Deno.test("after a restart a message that was held in memory is gone, though another one has its number", async () => {
  assertEquals(await foundAfterRestart("memory"), undefined);
});

Deno.test("after a restart a message in a file is found by where it was before", async () => {
  using folder = new FileFolder();
  assertEquals((await foundAfterRestart(`sqlite:${folder.path}`))?.body, "before");
});

testPage(
  "a message is shown in full: JSON indented, its number as it was put, attributes and time",
  async (opened) => {
    const { page, mq, show } = opened;
    const body = '{"big":12345678901234567890,"list":[1,2]}';
    const headers = { "content-type": "application/json" };
    const seq = await mq.put("t", body, { key: "ann", messageId: "m-1", headers });
    await show("#/topics/t");
    await page.locator(".tail .message button").click();
    const dialog = page.getByRole("dialog", { name: `Message ${seq}` });
    assertEquals(
      await dialog.locator("pre").textContent(),
      '{\n  "big": 12345678901234567890,\n  "list": [\n    1,\n    2\n  ]\n}',
    );
    const attributes = await dialog.locator("dl").textContent();
    const [{ time }] = await mq.topics() as [TopicInfo];
    for (
      const part of [
        `Stored${formatDate(time)}`,
        "ann",
        "m-1",
        "content-type",
        "application/json",
        `:${seq}`,
        "41 B, JSON",
      ]
    ) {
      assert(attributes!.includes(part), `${part} in ${attributes}`);
    }
    await dialog.getByRole("button", { name: "As it was put" }).click();
    assertEquals(await dialog.locator("pre").textContent(), body);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.locator(".tail .message button").click();
    await dialog.waitFor();
  },
);

testPage("a large message is shown in full, a part at a time", async (opened) => {
  const { page, mq, show } = opened;
  await mq.put("t", `${"y".repeat(100_000)}\ud800 end`, { headers: { long: "z".repeat(10_000) } });
  await show("#/topics/t");
  await page.locator(".tail .message button").click();
  await page.getByText("98 KiB").waitFor();
  const text = page.locator("dialog pre");
  assertEquals((await text.textContent())!.length, 32 * 1024);
  await page.getByRole("button", { name: "Show more" }).click();
  await page.getByRole("button", { name: "Show more" }).waitFor({ state: "detached" });
  const end = `document.querySelector("dialog pre").textContent.slice(-5).charCodeAt(0)`;
  assertEquals([await page.evaluate(end), (await text.textContent())!.length], [0xd800, 100_005]);
  assertEquals(await page.locator("dialog dd").last().textContent(), "z".repeat(10_000));
});

testPage("a message is copied as a whole, and not before it is there", async (opened) => {
  const { page, mq, show } = opened;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await mq.put("t", "z".repeat(9000));
  await show("#/topics/t");
  await page.locator(".tail .message").waitFor();
  const asked = Promise.withResolvers<void>();
  await page.route(/topics\?topic=t&after=.*%3A0&count=1/, async (route) => {
    await asked.promise;
    await route.continue();
  });
  await page.locator(".tail .message button").click();
  const copy = page.getByRole("button", { name: "Copy" });
  assertEquals(await copy.isDisabled(), true);
  asked.resolve();
  await copy.click();
  await page.getByText("Copied").waitFor();
  assertEquals(await page.evaluate("navigator.clipboard.readText().then((t) => t.length)"), 9000);
});

testPage("where a page has no clipboard, as over plain HTTP, it says so", async (opened) => {
  const { page, mq, show } = opened;
  await page.addInitScript(`Object.defineProperty(navigator, "clipboard", { value: undefined })`);
  await mq.put("t", "hello");
  await show("#/topics/t");
  await page.locator(".tail .message button").click();
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByText("The browser lets a page copy only over HTTPS").waitFor();
});
