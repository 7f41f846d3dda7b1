/**
 * `/` for browsers, `/client.js`, and the other files that they load: kept by caches until they change, and compressed.
 *
 * Each has a name that changes with what is in it, such as `/client-0123456789abcdef.js`, and may be kept for good under that.
 *
 * @module
 */

import type { WebFile } from "../web/files.ts";
import { preferredType } from "./accept.ts";
import { isFilePath } from "./page_paths.ts";

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

/** The files that the page names: under their versioned names, in what a browser gets. */
const NAMED_BY_PAGE = ["/page.js", "/page.css"];

/** The client, also under its versioned name. */
const CLIENT_PATH = /^\/client(-[0-9a-f]+)?\.js$/;

/** A file, ready to be sent. */
interface ServedFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Sixteen hexadecimal digits of the SHA-256 of what is in it. */
  readonly digest: string;
  /** Where it is under its versioned name; `undefined` for those that are looked for under one name alone. */
  readonly versionedPath: string | undefined;
  /** The same bytes compressed by gzip, once somebody wants them. */
  gzipped?: Promise<Uint8Array<ArrayBuffer>>;
}

const encoder = new TextEncoder();

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
 * @param request of the method GET or HEAD
 * @param path the path, without that of the server; `/` is the page
 * @returns the response; `undefined` if the name is one of another version. Rejects if the files cannot be loaded
 */
export async function fileResponse(request: Request, path: string): Promise<Response | undefined> {
  const found = (await (files ??= load())).get(path);
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
      headers.set("location", `${pathname.slice(pathname.lastIndexOf("/") + 1)}/`);
      return new Response(null, { status: 307, headers });
    }
  }
  if (isKnown(request.headers.get("if-none-match"), tag)) {
    return new Response(null, { status: 304, headers });
  }
  headers.set("content-type", type);
  headers.set("x-content-type-options", "nosniff");
  // Relative: a proxy may have put something before it.
  if (versionedPath !== undefined) headers.set("content-location", `.${versionedPath}`);
  if (path === "/") {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) headers.set(name, value);
  }
  // Deno takes the types of a module from there.
  if (CLIENT_PATH.test(path)) headers.set("x-typescript-types", "./client.d.ts");
  if (!isCompressed) return new Response(bytes, { headers });
  headers.set("content-encoding", "gzip");
  return new Response(await (found.gzipped ??= gzip(bytes)), { headers });
}

async function load(): Promise<ReadonlyMap<string, ServedFile>> {
  try {
    const { WEB_FILES } = await import("../web/files.ts");
    return await serve(WEB_FILES);
  } catch (error) {
    // The next request tries again: there may be too many open files now.
    files = undefined;
    throw error;
  }
}

async function serve(
  all: Readonly<Record<string, WebFile>>,
): Promise<ReadonlyMap<string, ServedFile>> {
  const served = new Map<string, ServedFile>();
  const { "/": page, ...others } = all;
  let html = page!.text;
  let digests = "";
  for (const [path, { type, text }] of Object.entries(others)) {
    const bytes = encoder.encode(text);
    const digest = await digestOf(bytes);
    digests += digest;
    const versionedPath = /^\/(client|page)\.(js|css)$/.test(path)
      ? path.replace(".", `-${digest}.`)
      : undefined;
    const file = { type, bytes, digest, versionedPath };
    served.set(path, file);
    if (versionedPath === undefined) continue;
    served.set(versionedPath, file);
    if (NAMED_BY_PAGE.includes(path)) {
      html = html.replace(`"${path.slice(1)}"`, `"${versionedPath.slice(1)}"`);
    }
  }
  // By this the page tells whether the server has another one by now: its files have changed, or it.
  const digest = await digestOf(encoder.encode(html + digests));
  const bytes = encoder.encode(html.replace("BUILD", digest));
  served.set("/", { type: page!.type, bytes, digest, versionedPath: undefined });
  return served;
}

async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest, 0, 8).toHex();
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return await new Response(stream).bytes();
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
