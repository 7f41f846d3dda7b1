/**
 * `/` for browsers, `/client.js`, and the other files that they load: kept by caches until they change, and compressed.
 *
 * Under a name that changes with what is in it a file may be kept for good: `served_files.ts`.
 *
 * @module
 */

import { loadWebFiles } from "../web/files.ts";
import { preferredType } from "./accept.ts";
import { isFilePath } from "./page_paths.ts";
import { HttpProblem } from "./problem.ts";
import type { PublicRequest } from "./public_request.ts";
import { bytesResponseTo } from "./reader_body.ts";
import { type ServedFile, serveFiles } from "./served_files.ts";

/** The page loads nothing from elsewhere, and runs no script and no style that is not a file of its server. */
const PAGE_HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "referrer-policy": "no-referrer",
};

/** As long as caches keep anything: a year, in seconds. */
const FOR_GOOD = "public, max-age=31536000, immutable";

/** The client, also under its versioned name. */
const CLIENT_PATH = /^\/client(-[0-9a-f]+)?\.js$/;

let files: Promise<ReadonlyMap<string, ServedFile>> | undefined;

/**
 * Whether a request is for a file: by its path, or for `/` as a browser asks for it. All others get a line of text there.
 *
 * @param request any request
 * @param path its path, without that of the server
 */
export function wantsFile({ headers }: Request, path: string): boolean {
  if (path !== "/") return isFilePath(path);
  return preferredType(headers.get("accept"), ["text/plain"], ["text/html"]) === "text/html";
}

/**
 * Answers a request for a file.
 *
 * @param call the request, of the method GET or HEAD
 * @param path the path, without that of the server; `/` is the page
 * @returns the response; `undefined` if the name is one of another version. Rejects with an {@linkcode HttpProblem}:
 *   `unavailable`, if the file cannot be loaded or compressed now; `limit_exceeded`, if there is no room for it
 */
export async function fileResponse(
  call: PublicRequest,
  path: string,
): Promise<Response | undefined> {
  const { request } = call;
  const all = files ??= load().catch((error) => {
    // The next request tries again: there may be too many open files now.
    files = undefined;
    throw error;
  });
  const found = (await all.catch(notNow)).get(path);
  if (!found) return undefined;
  const { type, bytes, digest, versionedPath } = found;
  const isCompressed = acceptsGzip(request.headers.get("accept-encoding"));
  const tag = `"${digest}${isCompressed ? "-gzip" : ""}"`;
  const headers = new Headers({
    etag: tag,
    "cache-control": path === versionedPath ? FOR_GOOD : "no-cache",
    // Whether a page of another origin may read it is said in its headers.
    vary: "Accept-Encoding, Origin",
  });
  if (path === "/") {
    headers.append("vary", "Accept");
    const { pathname } = new URL(request.url);
    // From there the names in the page would lead to what is beside the server, not below it.
    if (!pathname.endsWith("/")) {
      // With `./`: a name with a colon would be a scheme.
      headers.set("location", `./${pathname.slice(pathname.lastIndexOf("/") + 1)}/`);
      return new Response(null, { status: 307, headers });
    }
  }
  // Relative: a proxy may have put something before it.
  if (versionedPath !== undefined) headers.set("content-location", `.${versionedPath}`);
  if (isKnown(request.headers.get("if-none-match"), tag)) {
    return new Response(null, { status: 304, headers });
  }
  headers.set("content-type", type);
  headers.set("x-content-type-options", "nosniff");
  if (path === "/") {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) headers.set(name, value);
  }
  // Deno takes the types of a module from there.
  if (CLIENT_PATH.test(path)) headers.set("x-typescript-types", "./client.d.ts");
  if (!isCompressed) return bytesResponseTo(call, bytes, { headers });
  headers.set("content-encoding", "gzip");
  return bytesResponseTo(call, await found.gzipped().catch(notNow), { headers });
}

async function load(): Promise<ReadonlyMap<string, ServedFile>> {
  return await serveFiles(await loadWebFiles(), PAGE_HEADERS);
}

/** What the system says names files, and is for the log alone. */
function notNow(error: Error): never {
  const problem = { code: "unavailable", message: "Cannot send this file now" } as const;
  const logged = { ...problem, message: `${problem.message}: ${error.message}` };
  throw new HttpProblem(problem, { logged });
}

/** Whether a client reads what gzip has compressed: RFC 9110, section 12.5.3. */
function acceptsGzip(header: string | null): boolean {
  const codings = (header ?? "").toLowerCase().split(",").map((part) => part.split(";"));
  const gzip = codings.find(([name]) => name!.trim() === "gzip");
  return gzip !== undefined && !gzip.some((parameter) => /^\s*q=0(\.0*)?\s*$/.test(parameter));
}

/** Whether a client has this version already: RFC 9110, section 13.1.2. */
function isKnown(header: string | null, tag: string): boolean {
  if (header === null) return false;
  const tags = header.split(",").map((one) => one.trim().replace(/^W\//, ""));
  return tags.includes(tag) || tags.includes("*");
}
