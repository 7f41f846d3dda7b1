/**
 * The paths of the pages, and which requests are for them: what is known without plain HTTP being loaded.
 *
 * @module
 */

/** The paths. */
export const PAGE_PATHS = [
  "/",
  "/health",
  "/health/live",
  "/health/ready",
  "/openapi.json",
] as const;

/** The files that browsers load: the page's own, and the client with its types. The page itself is `/`. */
const FILE_PATHS: readonly string[] = [
  "/client.js",
  "/client.d.ts",
  "/page.js",
  "/page.css",
  "/icon.svg",
];

/** The same under a name that changes with what is in it. */
const VERSIONED_PATH = /^(\/(?:client|page))-[0-9a-f]{16}(\.(?:js|css))$/;

/**
 * Whether the path of a request is that of a server, or below it.
 *
 * @param request any request
 * @param base the path: empty, or such as `/mq`
 */
export function isBelow({ url }: Pick<Request, "url">, base: string): boolean {
  if (base === "") return true;
  const { pathname = "" } = URL.parse(url) ?? {};
  return pathname === base || pathname.startsWith(`${base}/`);
}

/**
 * Whether a request is for a page, and not for a WebSocket.
 *
 * @param request the request
 * @param base the path below which the pages are: empty, or such as `/mq`
 */
export function isPage({ url, headers }: Request, base: string): boolean {
  if (headers.get("upgrade") !== null) return false;
  const { pathname = "" } = URL.parse(url) ?? {};
  const path = pathname.slice(base.length);
  return pathname === base || isPagePath(path) || isFilePath(path);
}

/** Whether a path is that of a page. */
export function isPagePath(path: string): path is typeof PAGE_PATHS[number] {
  return PAGE_PATHS.some((page) => page === path);
}

/** Whether a path is that of a file for browsers, also under its versioned name. */
export function isFilePath(path: string): boolean {
  return FILE_PATHS.includes(path.replace(VERSIONED_PATH, "$1$2"));
}
