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
  return pathname === base || isPagePath(pathname.slice(base.length));
}

/** Whether a path is that of a page. */
export function isPagePath(path: string): path is typeof PAGE_PATHS[number] {
  return PAGE_PATHS.some((page) => page === path);
}
