/**
 * `import { connect } from "http://HOST:PORT/client.js"`, as it stands, wherever a browser runs scripts.
 *
 * @module
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { collectProblems } from "../support/page_problems.ts";
import {
  type BrowserScript,
  filesFor,
  inOwnPage,
  openPage,
  PLACES,
  registerScripts,
  runInBrowser,
  type RunningScript,
} from "../support/scripts_in_browser.ts";
import { serveSite } from "../support/site.ts";

const { browser, testBoth } = registerScripts();
const newContext = () => browser.newContext();

/** Puts, gets, and follows a topic. */
const talk: BrowserScript = async ({ connect }, url, report) => {
  try {
    const mq = await connect(url, { reconnect: { maxDelay: 100 } });
    await mq.put("questions", "put in a browser");
    report(await mq.get("questions"));
    for await (const { body } of mq.subscribe("answers", { since: "start" })) report(body);
  } catch (error) {
    report(`failed: ${error}`);
  }
};

/** Talks with the script, over a restart of the server. */
async function proveTalk({ server, next, restart }: RunningScript): Promise<void> {
  assertEquals(await next(), "put in a browser");
  await using mq = await connect(server.url, { since: "start" });
  assertEquals(await mq.get("questions"), "put in a browser");
  await mq.put("answers", "before");
  assertEquals(await next(), "before");
  await restart();
  await mq.put("answers", "after");
  assertEquals(await next(), "after");
}

for (
  const [place, run] of [["a page of the server", undefined], ...Object.entries(PLACES)] as const
) {
  testBoth(
    `${place} puts, gets, and follows a topic over a restart of the server`,
    (transport) => runInBrowser(transport, newContext, talk, run, proveTalk),
  );
}

testBoth("a page of the server puts and gets over TLS", async (transport) => {
  const read = (name: string) =>
    Deno.readTextFile(new URL(`../fixtures/localhost_${name}.pem`, import.meta.url));
  const [cert, key] = [await read("cert"), await read("key")];
  await using server = await openServer({ transport, cert, key });
  await using context = await browser.newContext({ ignoreHTTPSErrors: true });
  const { page, next } = await openPage(context, server.url.replace("wss:", "https:"));
  await page.evaluate(inOwnPage(talk));
  assertEquals(await next(), "put in a browser");
});

testBoth(
  "a page of an origin that is not allowed cannot import the client, and a copy of it is refused, with an error that says what the server must allow",
  async (transport) => {
    await using server = await openServer({ transport });
    const address = server.url.replace("ws:", "http:");
    const copy = await (await fetch(`${address}/client.js`)).text();
    await using site = serveSite({ ...filesFor(address, talk), "/copy.js": copy });
    await using context = await browser.newContext();
    const { page } = await openPage(context, site.origin);
    const problems = collectProblems(page);
    const failure = `(error) => [error.name, error.code, error.message]`;
    const [name] = await page.evaluate<string[]>(`import("/script.js").catch(${failure})`);
    assertEquals(name, "TypeError");
    assertMatch(problems.join("\n"), /client\.js.* blocked by CORS policy/);

    const [, code, message] = await page.evaluate<string[]>(`import("/copy.js")
      .then(({ connect }) => connect("${address}", { onRetry(error) { throw error; } }))
      .catch(${failure})`);
    assertEquals(code, "unreachable");
    assertStringIncludes(message!, `the server must allow the origin ${site.origin}`);
    assertEquals(server.stats().refused, 1);
    assertEquals(server.stats().stored, 0);
  },
);
