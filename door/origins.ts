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

/**
 * Whether this can be one of the `allowedOrigins`. `null` cannot: any page can have it.
 *
 * @param origin what was given
 * @returns true for an origin as browsers send it, such as `https://example.org`, and for `*`
 */
export function isOrigin(origin: unknown): boolean {
  if (typeof origin !== "string") return false;
  if (origin === ANY) return true;
  // Within a name it would match nothing that is sent, and be taken for a pattern.
  if (origin.includes(ANY)) return false;
  const own = URL.parse(origin)?.origin;
  // Browsers' extensions and the like have schemes of their own, for which URLs know no origin.
  return own === "null"
    ? /^(?!file:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#]+$/.test(origin)
    : own === origin;
}

/** The pages that may come in. */
export class Origins {
  readonly #allowed: ReadonlySet<string>;
  readonly #scheme: "http" | "https";

  /**
   * Takes them down.
   *
   * @param allowed origins beside the server's own; `*` allows all
   * @param secure the server has TLS
   */
  constructor(allowed: readonly string[], secure: boolean) {
    this.#allowed = new Set(allowed);
    this.#scheme = secure ? "https" : "http";
  }

  /**
   * Judges an `Origin` header.
   *
   * @param origin what it says; `null` if it is missing: then nobody's browser asks
   * @param host the `Host` header of the same request, which was judged before
   * @returns whether it may come in
   */
  welcomes(origin: string | null, host: string): boolean {
    if (origin === null || this.#allowed.has(ANY) || this.#allowed.has(origin)) return true;
    // Browsers leave the usual port out of both.
    return origin === `${this.#scheme}://${host.toLowerCase()}`;
  }
}
