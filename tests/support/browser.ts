/**
 * Chromium without a window, for tests of pages: one browser for a test file, and a context (cookies, storage, pages) for each test.
 *
 * @module
 */

import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
} from "playwright-core";
import { pathOfProgram } from "./installed_program.ts";

/** What a run of tests sets where everything must be tested: GitHub does, and others. */
const isCi = !["", "false", "0", undefined].includes(Deno.env.get("CI"));

/** A program on the path, or anywhere. */
const name = Deno.env.get("CHROMIUM") ?? "chromium";
const program = /[/\\]/.test(name) ? name : await pathOfProgram(name);

const missing = program === undefined &&
  `${name} is not installed. Install Chromium (on Debian: apt-get install chromium), or name its program in CHROMIUM`;

/** Why tests with a browser are ignored here, if they are. Where the variable `CI` is set they fail instead. */
export const noBrowser: string | false = !isCi && missing;

/**
 * Starts a browser, which has to be closed. It ends with this process, however that ends, since then their pipe closes; only if this
 * process is killed does its profile (1.3 MB) stay in the system's folder for temporary files.
 *
 * @throws if there is none
 */
export async function launchBrowser(): Promise<Browser> {
  if (missing) throw new Error(`Cannot test with a browser: ${missing}`);
  // Signals are those of the program that runs the tests: with a handler of Playwright's SIGTERM would no longer end it.
  const signals = { handleSIGHUP: false, handleSIGINT: false, handleSIGTERM: false };
  return await chromium.launch({ executablePath: program!, ...signals });
}

/** The browser of a test file. */
export interface TestBrowser {
  /** A context of its own for a test, which closes it. */
  newContext(options?: BrowserContextOptions): Promise<BrowserContext>;
}

/** Registers the browser of a test file: it starts before the first test, and is closed after the last. */
export function registerBrowser(): TestBrowser {
  let launched: Promise<Browser> | undefined;
  if (!noBrowser) {
    // A test fails without the browser, but not the tests beside it that need none.
    Deno.test.beforeAll(() => (launched = launchBrowser()).then(() => {}, () => {}));
    Deno.test.afterAll(async () => await launched?.then((browser) => browser.close(), () => {}));
  }
  return { newContext: async (options) => await (await launched!).newContext(options) };
}
