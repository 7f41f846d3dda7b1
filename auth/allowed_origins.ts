/**
 * Which web pages may come in: the `Origin` header.
 *
 * Every page that is open in a browser can reach every port that its machine reaches, loopback too; and
 * with WebSockets the browser asks nobody. It only says where the page is from.
 *
 * @module
 */

/** Allows every page, whatever its origin. */
const ANY = "*";

/** Origins of browsers' extensions and the like have schemes of their own, for which URLs know no origin. */
const CUSTOM_SCHEME = /^([a-z][a-z0-9+.-]*:\/\/)([^\s/?#]+)\/?$/i;

/**
 * An origin as browsers send it, such as `https://example.org`.
 *
 * @param origin what was given, perhaps in capitals, beyond ASCII, with the usual port or a slash at the end
 * @returns the origin, or `*`; `undefined` if it is none
 */
function normalizeOrigin(origin: string): string | undefined {
  if (origin === ANY) return ANY;
  const url = URL.parse(origin);
  if (!url) return undefined;
  if (url.origin !== "null") {
    const { pathname, search, hash, username, password } = url;
    return pathname === "/" && search + hash + username + password === "" ? url.origin : undefined;
  }
  const [, scheme, host] = CUSTOM_SCHEME.exec(origin) ?? [];
  return scheme === undefined ? undefined : `${scheme.toLowerCase()}${host}`;
}

/**
 * Says why this cannot be one of the `allowedOrigins`: no page would ever match it.
 *
 * @param origin what was given
 * @returns the reason; `undefined` for an origin, and for `*`
 */
export function originFault(origin: string): string | undefined {
  if (origin === ANY) return undefined;
  if (origin === "null") return "any page can have the origin null";
  if (origin.includes(ANY)) return "* is not supported within an origin: list each origin";
  if (!origin.includes("://")) return "it has no scheme such as https://";
  if (/^(wss?|file):/i.test(origin)) return "pages have a scheme such as https://";
  if (!normalizeOrigin(origin)) {
    return "an origin is a scheme, a host and perhaps a port, and no more";
  }
}

/** The pages that may come in. */
export class AllowedOrigins {
  readonly #allowed: ReadonlySet<string>;
  readonly #scheme: "http" | "https";

  /**
   * Takes them down.
   *
   * @param allowed origins beside the server's own; `*` allows all
   * @param secure the server has TLS
   */
  constructor(allowed: readonly string[], secure: boolean) {
    this.#allowed = new Set(allowed.map(normalizeOrigin).filter((origin) => origin !== undefined));
    this.#scheme = secure ? "https" : "http";
  }

  /**
   * Judges an `Origin` header.
   *
   * @param origin what it says; `null` if it is missing: then nobody's browser asks
   * @param host the `Host` header of the same request, which was judged before
   * @returns whether it may come in
   */
  allows(origin: string | null, host: string): boolean {
    if (origin === null || this.#allowed.has(ANY) || this.#allowed.has(origin)) return true;
    // Browsers leave the usual port out of both.
    return origin === `${this.#scheme}://${host.toLowerCase()}`;
  }
}
