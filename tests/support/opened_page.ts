/**
 * The page of a server in a browser.
 *
 * @module
 */

import { connect, type Connection, type ServeOptions, type Server } from "@dsmq/server";
import { assertEquals } from "@std/assert";
import type { BrowserContextOptions, Page } from "playwright-core";
import { noBrowser, registerBrowser } from "./browser.ts";
import { collectProblems } from "./page_problems.ts";
import { ignoredIf } from "./ignored_if.ts";
import { openServer } from "./open_server.ts";

/** How long the browser may take for anything, in milliseconds. */
const TIMEOUT = 30_000;

/** A page, its server, and another client of that. */
export interface OpenedPage {
  readonly page: Page;
  readonly server: Server;
  readonly mq: Connection;
  /** The address of the page. */
  readonly address: string;
  /** What the browser complains of. */
  readonly problems: readonly string[];
  /** Goes to a view, by the fragment of its address. */
  show(fragment: string): Promise<void>;
}

/** What a test of the page may say. */
export interface PageTest {
  readonly server?: ServeOptions;
  readonly browser?: BrowserContextOptions;
  /** The token of the other client. */
  readonly token?: string;
  /** What the browser is expected to complain of. Default: nothing. */
  readonly complaints?: RegExp;
}

const { newContext } = registerBrowser();

/**
 * Registers a test with the page of a server, opened in a context of its own.
 *
 * @param promise what holds
 * @param prove shows it; after it the browser must have complained of nothing
 * @param options of the server and the browser
 */
export function testPage(
  promise: string,
  prove: (opened: OpenedPage) => Promise<void>,
  { server: serveOptions = {}, browser = {}, token, complaints }: PageTest = {},
): void {
  Deno.test({
    ...ignoredIf(noBrowser, promise),
    async fn() {
      await using server = await openServer(serveOptions);
      await using mq = await connect(server.url, { ...(token !== undefined && { token }) });
      const context = await newContext(browser);
      try {
        const page = await context.newPage();
        page.setDefaultTimeout(TIMEOUT);
        const problems = collectProblems(page);
        const address = `http://127.0.0.1:${server.port}/`;
        const show = async (fragment: string) => void await page.goto(`${address}${fragment}`);
        await prove({ page, server, mq, address, problems, show });
        assertEquals(problems.filter((problem) => !complaints?.test(problem)), []);
      } finally {
        await context.close();
      }
    },
  });
}
