/**
 * A site of a test's own: files in memory, from a port of this machine.
 *
 * @module
 */

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  css: "text/css",
};

/** A site, until it is disposed of. */
export interface Site extends AsyncDisposable {
  /** Such as `http://127.0.0.1:4711`. */
  readonly origin: string;
}

/** How a site answers. */
export interface SiteOptions {
  /** Headers of each response. Default: none besides its type. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Serves files.
 *
 * @param files by their paths; `/` is a page, the others have the type of their ending. They may change while it serves; those
 *   that are not there are empty
 * @param options headers
 */
export function serveSite(
  files: Readonly<Record<string, string>>,
  { headers = {} }: SiteOptions = {},
): Site {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) => {
      const { pathname } = new URL(url);
      const type = pathname === "/" ? "html" : pathname.split(".").at(-1)!;
      return new Response(files[pathname] ?? "", {
        headers: { "content-type": TYPES[type] ?? "text/plain", ...headers },
      });
    },
  );
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
