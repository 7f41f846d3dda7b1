/**
 * `examples/browser/chat.html`, from a server of static files.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { assertAccessible } from "../support/accessibility.ts";
import { noBrowser, registerBrowser } from "../support/browser.ts";
import { freePort } from "../support/free_port.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer } from "../support/open_server.ts";
import { collectProblems } from "../support/page_problems.ts";
import { ROOT } from "../support/program.ts";
import { serveSite } from "../support/site.ts";

const browser = registerBrowser();
const chat = await Deno.readTextFile(new URL("examples/browser/chat.html", ROOT));

/** A site that has the page, for a server at this port. */
function serveChat(port: number) {
  return serveSite({ "/chat.html": chat.replaceAll("localhost:30008", `127.0.0.1:${port}`) });
}

/** A browser of somebody's own. */
async function open(url: string, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems = collectProblems(page);
  await page.goto(url);
  const { [Symbol.asyncDispose]: dispose } = context;
  return { page, problems, [Symbol.asyncDispose]: () => dispose.call(context) };
}

/** Sends a message, once the page is connected: before that it keeps what is written. */
async function say(page: Page, name: string, text: string): Promise<void> {
  await page.locator("form button:enabled").waitFor();
  await write(page, name, text);
}

async function write(page: Page, name: string, text: string): Promise<void> {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.keyboard.press("Enter");
}

/** The messages that a page shows, with their authors, once there are so many. */
async function shown(page: Page, count: number): Promise<string[]> {
  const items = page.getByRole("listitem");
  await items.nth(count - 1).waitFor();
  const texts = await items.all();
  return await Promise.all(texts.map(async (item) => {
    const name = await item.locator("b").textContent();
    return `${name}: ${await item.locator("p").textContent()}`;
  }));
}

const SCRIPT =
  "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">";

Deno.test({
  ...ignoredIf(
    noBrowser,
    "two pages chat, script in a name or a message is shown as text, and whoever comes later sees what was said",
  ),
  async fn() {
    const port = freePort();
    await using site = serveChat(port);
    await using _server = await openServer({ port, allowedOrigins: [site.origin] });
    const url = `${site.origin}/chat.html`;
    await using ann = await open(url);
    await using bodo = await open(url);
    await say(ann.page, "Ann", "Hello, Bodo");
    assertEquals(await shown(bodo.page, 1), ["Ann: Hello, Bodo"]);
    await say(bodo.page, "<b>Bodo</b>", SCRIPT);
    assertEquals(await shown(ann.page, 2), ["You: Hello, Bodo", `<b>Bodo</b>: ${SCRIPT}`]);
    assertEquals(await shown(bodo.page, 2), ["Ann: Hello, Bodo", `You: ${SCRIPT}`]);
    await using late = await open(url);
    assertEquals(await shown(late.page, 2), ["Ann: Hello, Bodo", `<b>Bodo</b>: ${SCRIPT}`]);
    for (const { page, problems } of [ann, bodo, late]) {
      assertEquals([await page.title(), await page.locator("li img, li script").count()], [
        "Chat",
        0,
      ]);
      assertEquals(problems, []);
    }
  },
});

Deno.test({
  ...ignoredIf(
    noBrowser,
    "a page of the chat says that it reconnects, and what was written meanwhile is sent then",
  ),
  async fn() {
    const port = freePort();
    await using site = serveChat(port);
    const options = { port, allowedOrigins: [site.origin] };
    const first = await openServer(options);
    await using ann = await open(`${site.origin}/chat.html`);
    await say(ann.page, "Ann", "before");
    await shown(ann.page, 1);
    await first.shutdown();
    await ann.page.getByText("Reconnecting…").waitFor();
    await say(ann.page, "Ann", "meanwhile");
    await using _second = await openServer(options);
    assertEquals(await shown(ann.page, 2), ["You: before", "You: meanwhile"]);
    assertEquals(await ann.page.getByRole("status").textContent(), "Connected");
  },
});

Deno.test({
  ...ignoredIf(
    noBrowser,
    "a page of the chat that is not let in says what the server must allow, and sends nothing",
  ),
  async fn() {
    await using server = await openServer();
    await using site = serveChat(server.port);
    await using ann = await open(`${site.origin}/chat.html`);
    const help = ann.page.getByRole("alert");
    await help.waitFor();
    assertStringIncludes((await help.textContent())!, `dsmq serve --allow-origin ${site.origin}\n`);
    await write(ann.page, "Ann", "Is anybody there?");
    assertEquals(ann.page.url(), `${site.origin}/chat.html`);
    assertEquals(
      await ann.page.getByRole("textbox", { name: "Message" }).inputValue(),
      "Is anybody there?",
    );
    await assertAccessible(ann.page);
  },
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [390, 1280]) {
    Deno.test({
      ...ignoredIf(
        noBrowser,
        `axe-core finds nothing in the chat, and nothing is cut off (${colorScheme}, ${width} pixels)`,
      ),
      async fn() {
        const port = freePort();
        await using site = serveChat(port);
        await using _server = await openServer({ port, allowedOrigins: [site.origin] });
        const options = { colorScheme, viewport: { width, height: 800 } };
        await using ann = await open(`${site.origin}/chat.html`, options);
        await using bodo = await open(`${site.origin}/chat.html`, options);
        await ann.page.getByText("Connected").waitFor();
        await assertAccessible(ann.page);
        await say(bodo.page, "Bodo".repeat(10), "x".repeat(500));
        await say(ann.page, "Ann", "Hello");
        await shown(ann.page, 2);
        await assertAccessible(ann.page);
        const isCut = "document.documentElement.scrollWidth > innerWidth";
        assertEquals(await ann.page.evaluate(isCut), false);
      },
    });
  }
}
