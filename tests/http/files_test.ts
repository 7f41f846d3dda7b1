/**
 * What browsers load of a server: the page, and the client.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type HttpServer, problemOf, testHttp } from "../support/http_server.ts";

/** How a browser asks for a page. */
const BROWSER = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" };

/** Without it `fetch` asks for a compressed body. */
const IDENTITY = { "accept-encoding": "identity" };

const FILES: Readonly<Record<string, string>> = {
  "/client.js": "text/javascript; charset=utf-8",
  "/client.d.ts": "application/typescript; charset=utf-8",
  "/page.js": "text/javascript; charset=utf-8",
  "/page.css": "text/css; charset=utf-8",
  "/icon.svg": "image/svg+xml",
};

/** What a 304 must repeat of the 200: RFC 9110, section 15.4.5. (`Date` changes, and there is no `Expires`.) */
function keptOf({ headers }: Response): (string | null)[] {
  return ["etag", "cache-control", "vary", "content-location"].map((name) => headers.get(name));
}

/** The files that a page names. */
function namesIn(html: string): string[] {
  return [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, name]) => name!);
}

async function page(server: HttpServer): Promise<string> {
  return await (await server.get("/", { headers: BROWSER })).text();
}

testHttp("a browser gets the page, and whoever asks for anything a line of text", async (open) => {
  await using server = await open();
  for (const [accept, isPage] of [[BROWSER.accept, true], ["*/*", false], ["text/*", false]]) {
    const headers = { accept: accept as string };
    const response = await server.get("/", { headers });
    const type = isPage ? "text/html; charset=utf-8" : "text/plain; charset=utf-8";
    assertEquals([response.status, response.headers.get("content-type")], [200, type], `${accept}`);
    assertMatch(response.headers.get("vary")!, /\bAccept\b(?!-)/);
    assertEquals((await response.text()).startsWith("<!doctype html>"), isPage, `${accept}`);
  }
});

testHttp("the page runs no script and no style but those of its server", async (open) => {
  await using server = await open();
  const response = await server.get("/", { headers: BROWSER });
  assertEquals(response.headers.get("content-security-policy")!.split("; "), [
    ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'"],
    ...["connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
    ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
  ]);
  const html = await response.text();
  assertEquals(html.match(/<style|style=|<script(?! type="module" src=)|\son\w+=/g), null);
  for (const name of namesIn(html)) assertMatch(name, /^[\w.-]+$/, "relative, below the server");
});

testHttp("every file has its type, and the page names those that there are", async (open) => {
  await using server = await open();
  for (const [path, type] of Object.entries(FILES)) {
    const response = await server.get(path);
    assert((await response.text()).length > 100, path);
    assertEquals([response.status, response.headers.get("content-type")], [200, type]);
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  }
  const named = namesIn(await page(server));
  assertEquals(named.length, 4);
  for (const name of named) {
    const { status, body } = await server.get(`/${name}`);
    await body?.cancel();
    assertEquals(status, 200, name);
  }
});

testHttp(
  "a file may be kept for good under the name of its version, and is asked for again under its own",
  async (open) => {
    await using server = await open();
    for (const path of ["/client.js", "/page.js", "/page.css"]) {
      const response = await server.get(path, { headers: IDENTITY });
      const text = await response.text();
      assertEquals(response.headers.get("cache-control"), "no-cache");
      const version = response.headers.get("content-location")!.slice(1);
      assertMatch(version, /^\/(client|page)-[0-9a-f]{16}\.(js|css)$/);
      const versioned = await server.get(version, { headers: IDENTITY });
      assertEquals(await versioned.text(), text);
      assertEquals(
        versioned.headers.get("cache-control"),
        "public, max-age=31536000, immutable",
      );
      assertEquals(versioned.headers.get("etag"), response.headers.get("etag"));
      const other = version.replace(/-[0-9a-f]/, (start) => start === "-0" ? "-1" : "-0");
      assertEquals((await problemOf(await server.get(other))).status, 404, "another version");
    }
  },
);

testHttp("who has a file already is told so, and not sent it again", async (open) => {
  await using server = await open();
  for (const path of ["/", ...Object.keys(FILES)]) {
    const first = await server.get(path, { headers: { ...BROWSER, ...IDENTITY } });
    await first.text();
    const tag = first.headers.get("etag")!;
    if (/client\.js|page/.test(path)) assertMatch(first.headers.get("content-location")!, /-/);
    for (const [known, status] of [[tag, 304], [`"x", W/${tag}`, 304], ["*", 304], ['"x"', 200]]) {
      const headers = { ...BROWSER, ...IDENTITY, "if-none-match": known as string };
      const response = await server.get(path, { headers });
      assertEquals(
        [response.status, keptOf(response)],
        [status, keptOf(first)],
        `${path} ${known}`,
      );
      assertEquals(await response.text() === "", status === 304);
    }
  }
});

testHttp("a file is compressed for whoever accepts that, under a tag of its own", async (open) => {
  await using server = await open();
  const plain = await server.get("/client.js", { headers: IDENTITY });
  const text = await plain.text();
  for (
    const [accept, isCompressed] of [["gzip", true], ["br;q=1, GZIP;q=0.5", true], [
      "gzip;q=0",
      false,
    ]]
  ) {
    const headers = { "accept-encoding": accept as string };
    // `fetch` would decompress it.
    const response = await server.get("/client.js", { method: "HEAD", headers });
    const { headers: answered } = response;
    assertEquals(answered.get("content-encoding"), isCompressed ? "gzip" : null, `${accept}`);
    assertEquals(answered.get("etag") === plain.headers.get("etag"), !isCompressed);
    assertEquals(Number(answered.get("content-length")) < text.length / 2, isCompressed);
    assertMatch(answered.get("vary")!, /^Accept-Encoding, Origin/);
    assertEquals(await (await server.get("/client.js", { headers })).text(), text);
  }
});

testHttp("the client says where its types are", async (open) => {
  await using server = await open();
  const { headers } = await server.get("/client.js", { method: "HEAD" });
  const types = new URL(headers.get("x-typescript-types")!, `${server.origin}/client.js`);
  assertMatch(await (await server.get(types.pathname)).text(), /declare function connect\(/);
});

testHttp("pages of allowed origins may import the client, and others may not", async (open) => {
  await using server = await open({ allowedOrigins: ["https://app.test"] });
  for (
    const [origin, allowed] of [["https://app.test", "https://app.test"], [
      "https://evil.test",
      null,
    ]]
  ) {
    const response = await server.get("/client.js", { headers: { origin: origin! } });
    await response.body?.cancel();
    assertEquals(response.headers.get("access-control-allow-origin"), allowed!);
    assertEquals(response.headers.get("vary"), "Accept-Encoding, Origin");
  }
});

testHttp(
  "below a path the page finds its files, whether or not a slash ends the path",
  async (open) => {
    // One that begins like the scheme of another address, and one in which each letter has to be encoded.
    for (const base of ["/mq", "/a:b", "/x/http:y", "/%C3%BC"]) {
      await using server = await open({ path: base });
      for (const path of [base, `${base}/`]) {
        const response = await server.get(path, { headers: BROWSER });
        assertEquals([response.status, new URL(response.url).pathname], [200, `${base}/`]);
        for (const name of namesIn(await response.text())) {
          const { status, body } = await server.get(new URL(name, response.url).pathname);
          await body?.cancel();
          assertEquals(status, 200, name);
        }
      }
      assertMatch(await (await server.get(base)).text(), /^dsmq\//);
      const { status, body } = await server.get(`${base}/client.js`);
      await body?.cancel();
      assertEquals(status, 200);
    }
  },
);

testHttp("files are there for whoever has no token, and have no other methods", async (open) => {
  await using server = await open({
    auth: { tokens: [{ token: "a-token-that-nobody-guesses", permissions: ["read"] }] },
  });
  assertMatch(await page(server), /<title>dsmq<\/title>/);
  for (const path of Object.keys(FILES)) {
    const { status, headers } = await server.get(path, { method: "OPTIONS" });
    assertEquals([status, headers.get("allow")], [204, "GET, HEAD, OPTIONS"]);
    assertEquals((await problemOf(await server.post(path, "x"))).status, 405);
  }
});

testHttp("the version of the page is its tag, so that a page notices another one", async (open) => {
  await using server = await open();
  const response = await server.get("/", { headers: { ...BROWSER, ...IDENTITY } });
  const [, build] = /<meta name="build" content="([^"]*)">/.exec(await response.text())!;
  assertMatch(build!, /^[0-9a-f]{16}$/);
  assertEquals(response.headers.get("etag"), `"${build}"`);
  const { headers } = await server.get("/icon.svg", { method: "HEAD", headers: IDENTITY });
  assertNotEquals(headers.get("etag"), `"${build}"`);
});
