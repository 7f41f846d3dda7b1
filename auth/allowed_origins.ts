/**
 * Which web pages may connect: the `Origin` header.
 *
 * Every page that is open in a browser can reach every port that its machine can reach, loopback included, and with
 * WebSockets the browser asks no permission. It only tells where the page is from.
 *
 * @module
 */

/** Allows pages of every origin. */
const ANY = "*";

/** Origins of browser extensions have schemes of their own, for which URLs have no origin. */
const CUSTOM_SCHEME = /^([a-z][a-z0-9+.-]*:\/\/)([^\s/?#]+)\/?$/i;

/**
 * An origin as browsers send it, such as `https://example.org`.
 *
 * @param origin as it was given, perhaps in capitals, beyond ASCII, with the default port or a slash at the end
 * @returns the origin, or `*`; `undefined` if it is invalid
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
 * Why this cannot be one of the `allowedOrigins`: no page would ever match it.
 *
 * @param origin as it was given
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

/** The pages that may connect. */
export class AllowedOrigins {
  readonly #allowed: ReadonlySet<string>;
  readonly #scheme: "http" | "https";

  /**
   * Parses the origins.
   *
   * @param allowed origins besides the server's own; `*` allows all
   * @param secure the server has TLS
   */
  constructor(allowed: readonly string[], secure: boolean) {
    this.#allowed = new Set(allowed.map(normalizeOrigin).filter((origin) => origin !== undefined));
    this.#scheme = secure ? "https" : "http";
  }

  /** Whether an origin was named as allowed, or all are, which includes pages that do not tell theirs. */
  includes(origin: string | null): boolean {
    return this.#allowed.has(ANY) || (origin !== null && this.#allowed.has(origin));
  }

  /**
   * Checks an `Origin` header.
   *
   * @param origin its value; `null` if it is missing: then the client is no browser
   * @param host the `Host` header of the same request, already checked
   * @returns whether the page may connect
   */
  allows(origin: string | null, host: string): boolean {
    if (origin === null || this.includes(origin)) return true;
    // Browsers leave the default port out of both.
    return origin === `${this.#scheme}://${host.toLowerCase()}`;
  }
}
