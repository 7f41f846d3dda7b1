/**
 * What `docs/guide.md` shows of plain HTTP, run with the real programs.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect, createHandler } from "@dsmq/server";
import { noBrowser, registerBrowser } from "../support/browser.ts";
import { noCurl, startShell } from "../support/curl.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { Program, ROOT } from "../support/program.ts";
import { findPython } from "../support/python.ts";

const guide = await Deno.readTextFile(new URL("docs/guide.md", ROOT));
const section = guide.split(/^## /m).find((text) => text.startsWith("Plain HTTP\n"))!;

/** The blocks of a language, for a server. */
function blocks(language: string, { url }: { readonly url: string }): string[] {
  return [...section.matchAll(RegExp("```" + language + "\n([^]*?)```", "g"))].map(([, block]) =>
    block!.replaceAll("localhost:30008", new URL(url).host)
  );
}

Deno.test({
  ...ignoredIf(noCurl, "the guide's lines with curl put, read a page, and wait"),
  async fn() {
    await using server = await openServer();
    await using mq = await connect(server.url);
    const [put, read, wait] = blocks("sh", server)[0]!.trimEnd().split("\n");
    await using putting = startShell(put!);
    assertEquals(JSON.parse((await putting.end()).stdout).seq, 1);
    await using reading = startShell(read!);
    const { messages } = JSON.parse((await reading.end()).stdout);
    assertEquals(messages.map(({ body }: { body: string }) => body), ["disk is full"]);
    await using waiting = startShell(`exec ${wait}`);
    while ((await mq.connections()).length < 2) await Promise.resolve();
    await mq.put("alerts", "next");
    assertEquals((await waiting.end()).stdout, "next");
  },
});

Deno.test({
  ...ignoredIf(
    noCurl,
    "the guide's job handles each message once, goes on behind a gap, and fails without its server",
  ),
  async fn() {
    await using server = await openServer();
    await using mq = await connect(server.url);
    const folder = await Deno.makeTempDir();
    const job = blocks("sh", server)[1]!;
    const run = async () => {
      await using shell = startShell(`cd '${folder}'\n${job}`);
      const { code, stdout, stderr } = await shell.end();
      return [code, stdout, stderr];
    };
    try {
      assertEquals(await run(), [0, "", ""]);
      await mq.putMany("alerts", ["one", "two\nlines"]);
      assertEquals(await run(), [0, "one\ntwo\nlines", ""]);
      assertEquals(await run(), [0, "", ""]);
      await mq.putMany("alerts", ["gone", "three"]);
      await mq.purge("alerts", { before: 4 });
      assertEquals(await run(), [0, "three", "some messages are gone"]);
      await mq.close();
      await server.shutdown();
      const [code, stdout, stderr] = await run();
      // What curl says when it cannot connect.
      assertEquals([code, stdout, `${stderr}`.startsWith("curl: (7)")], [7, "", true]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

const browser = registerBrowser();

Deno.test({
  ...ignoredIf(noBrowser, "the guide's page shows what is put, also after errors of a proxy"),
  async fn() {
    let [html, errors] = ["", 2];
    await using mq = createHandler({ log: quiet });
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request, info) => {
        if (new URL(request.url).pathname === "/page") {
          return new Response(html, { headers: { "content-type": "text/html" } });
        }
        const isStream = request.headers.get("accept") === "text/event-stream";
        if (isStream && errors-- > 0) return new Response("no server", { status: 502 });
        return mq.fetch(request, info);
      },
    );
    const url = `ws://127.0.0.1:${server.addr.port}`;
    html = blocks("html", { url })[0]!.replace("5000", "5");
    await using context = await browser.newContext();
    await using client = await connect(url);
    const page = await context.newPage();
    await page.goto(`${url.replace("ws:", "http:")}/page`);
    while ((await client.connections()).length < 2) await Promise.resolve();
    await client.putMany("news", ["one", "<b>two</b>"]);
    const items = page.locator("li");
    await items.nth(1).waitFor();
    assertEquals(await items.allTextContents(), ["one", "<b>two</b>"]);
    assert(errors < 0);
  },
});

const python = await findPython("requests");

Deno.test({
  ...ignoredIf(
    python === undefined && "no python3 with the module requests",
    "the guide's program in Python puts, and prints what it follows",
  ),
  async fn() {
    await using server = await openServer();
    const [program] = blocks("python", server);
    assert(program!.includes("iter_lines"));
    await using running = new Program(["-c", program!], { no_proxy: "*" }, [], python!);
    const { code, stdout, stderr } = await running.end();
    assertEquals([code, stdout, stderr], [0, "zwölf Äpfel", ""]);
  },
});
