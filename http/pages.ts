/**
 * What everybody may know of a server, as browsers and load balancers ask for it.
 *
 * @module
 */

import { MAX_URL_LENGTH } from "../protocol/websocket.ts";
import type { HttpContext } from "./http_context.ts";
import { openApiJson } from "./openapi.ts";
import { isPagePath, type PAGE_PATHS } from "./page_paths.ts";
import type { PublicRequest } from "./public_request.ts";
import { bytesResponseTo, textResponseTo } from "./reader_body.ts";

const DOCUMENT = "/openapi.json";

/** What a page tells, on one line. */
type Page = (context: HttpContext) => readonly [status: number, line: string];

/** Whether messages can be stored: where the last could not, that is tried, at most once a second. */
const ready: Page = ({ isStopping, behind, shared: { queue: { store } } }) => {
  if (isStopping) return [503, "stopping"];
  if (behind) return [503, "behind: cut off from the log, or not caught up with it yet"];
  // Not why: that names the file, and everybody may ask.
  return store.findFault?.() === undefined
    ? [200, "ok"]
    : [503, "nothing can be stored now: the log of the server says why"];
};

/** The pages by their paths: `/health/live` says that the process answers, `/health/ready`, and `/health`, that it can work. */
const PAGES: Readonly<Record<Exclude<typeof PAGE_PATHS[number], typeof DOCUMENT>, Page>> = {
  "/": ({ banner }) => [200, banner],
  "/health": ready,
  "/health/live": () => [200, "ok"],
  "/health/ready": ready,
};

/** The methods of a page. */
export const PAGE_METHODS = "GET, HEAD, OPTIONS";

/**
 * Finds a page.
 *
 * @param path the path, without that of the server
 * @returns what makes its response; `undefined` if it is none
 */
export function findPage(path: string): ((call: PublicRequest) => Response) | undefined {
  if (!isPagePath(path)) return undefined;
  if (path === DOCUMENT) {
    const headers = { "content-type": "application/json" };
    return (call) => bytesResponseTo(call, openApiJson(call.context), { headers });
  }
  const page = PAGES[path];
  return (call) => {
    const [status, line] = page(call.context);
    const headers = {
      "content-type": "text/plain; charset=utf-8",
      ...(path === "/" && { vary: "Accept" }),
    };
    return textResponseTo(call, `${line}\n`, { status, headers });
  };
}

/**
 * Whether a request may come without a `Host`: one for the health of a server, or for its methods. Some load balancers send
 * none, and a web page cannot leave it out.
 *
 * @param request any request
 * @param base the path below which the pages are: empty, or such as `/mq`
 */
export function mayLackHost({ method, url, headers }: Request, base: string): boolean {
  if (headers.get("host")) return false;
  if (method === "OPTIONS") return true;
  if (url.length > MAX_URL_LENGTH) return false;
  const path = URL.parse(url)?.pathname.slice(base.length) ?? "";
  return path.startsWith("/health") && isPagePath(path);
}
