/**
 * The files that browsers load: the page, and the client. They are built by `deno task build:web`, and loaded as text, so that
 * they are in the package and in a compiled server alike.
 *
 * @module
 */

/** The text of a file, and its media type. */
export interface WebFile {
  readonly type: string;
  readonly text: string;
}

/** A file of text, as a module. */
type TextModule = Promise<{ readonly default: string }>;

const SCRIPT = "text/javascript; charset=utf-8";

/** What loads each file, by its path, and its media type. */
const FILES: Readonly<Record<string, readonly [load: () => TextModule, type: string]>> = {
  "/": [
    () => import("./built/index.html", { with: { type: "text" } }),
    "text/html; charset=utf-8",
  ],
  "/client.js": [() => import("./built/client.js", { with: { type: "text" } }), SCRIPT],
  // What compilers and editors ask for; a browser never does.
  "/client.d.ts": [
    () => import("./built/client.d.ts", { with: { type: "text" } }),
    "application/typescript; charset=utf-8",
  ],
  "/page.js": [() => import("./built/page.js", { with: { type: "text" } }), SCRIPT],
  "/page.css": [
    () => import("./built/page.css", { with: { type: "text" } }),
    "text/css; charset=utf-8",
  ],
  "/icon.svg": [
    () => import("./built/icon.svg", { with: { type: "text" } }),
    "image/svg+xml",
  ],
};

/**
 * Loads the files.
 *
 * @returns the files by their paths. Rejects while this process has too many open files; it may be called again. (A module of
 *   TypeScript, in place of text, could not be loaded again, and Deno 2.9.6 may end with a panic.)
 */
export async function loadWebFiles(): Promise<Readonly<Record<string, WebFile>>> {
  const loaded = await Promise.all(
    Object.entries(FILES).map(async ([path, [load, type]]) => {
      const { default: text } = await load();
      return [path, { type, text }] as const;
    }),
  );
  return Object.fromEntries(loaded);
}
