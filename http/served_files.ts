/**
 * The files that browsers load, ready to be sent: each with a name that changes with what is in it, such as
 * `/client-0123456789abcdef.js`, and the page with these names.
 *
 * @module
 */

import type { WebFile } from "../web/files.ts";

/** The files that the page names: under their versioned names, in what a browser gets. */
const NAMED_BY_PAGE = ["/page.js", "/page.css"];

const encoder = new TextEncoder();

/** A file, ready to be sent. */
export class ServedFile {
  /** Its media type. */
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Sixteen hexadecimal digits of the SHA-256 of what is in it. */
  readonly digest: string;
  /** Where it is under its versioned name; `undefined` for those that are looked for under one name alone. */
  readonly versionedPath: string | undefined;
  #gzipped: Promise<Uint8Array<ArrayBuffer>> | undefined;

  /** Takes its parts. */
  constructor(
    { type, bytes, digest, versionedPath }: Omit<ServedFile, "gzipped">,
  ) {
    this.type = type;
    this.bytes = bytes;
    this.digest = digest;
    this.versionedPath = versionedPath;
  }

  /** The same bytes compressed by gzip, once somebody wants them. If that fails, the next one tries again. */
  gzipped(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#gzipped ??= gzip(this.bytes).catch((error) => {
      this.#gzipped = undefined;
      throw error;
    });
  }
}

/**
 * Makes files ready.
 *
 * @param all the files by their paths; that of the page is `/`
 * @param pageHeaders the headers that only the page has
 * @returns the files by their paths, and by their versioned ones
 */
export async function serveFiles(
  all: Readonly<Record<string, WebFile>>,
  pageHeaders: Readonly<Record<string, string>>,
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
    const file = new ServedFile({ type, bytes, digest, versionedPath });
    served.set(path, file);
    if (versionedPath === undefined) continue;
    served.set(versionedPath, file);
    if (NAMED_BY_PAGE.includes(path)) {
      html = html.replace(`"${path.slice(1)}"`, `"${versionedPath.slice(1)}"`);
    }
  }
  // By this the page tells whether the server has another one by now: its files have changed, or it. And its headers: a browser
  // that is told that its page is still the same keeps the old ones.
  const digest = await digestOf(encoder.encode(html + digests + JSON.stringify(pageHeaders)));
  const bytes = encoder.encode(html.replace("BUILD", digest));
  served.set("/", new ServedFile({ type: page!.type, bytes, digest, versionedPath: undefined }));
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
