/**
 * Under which name a server may be called: the `Host` header.
 *
 * A page of a stranger may have its own name point to this machine (DNS rebinding), and is then of the same
 * origin as the server: only the `Host` that its browser sends gives it away. An address cannot be rebound.
 *
 * @module
 */

import { NameMap } from "../protocol/name_map.ts";
import { MAX_HOST_LENGTH } from "../protocol/websocket.ts";

/** A name or an address as a `Host` header has it: an IPv6 address in brackets; the port may be missing. */
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[^\s:/?#@\\[\],]+?)\.?(?::(\d{1,5}))?$/;

const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

/** What a `Host` header says. */
interface Authority {
  /** In ASCII and in lower case, without a dot at the end. */
  readonly name: string;
  /** As it was written, without zeros before it. */
  readonly port: string | undefined;
}

function parseAuthority(host: string): Authority | undefined {
  const [, name, port] = AUTHORITY.exec(host.toLowerCase()) ?? [];
  const plain = name === undefined ? undefined : toAscii(name);
  if (plain === undefined) return undefined;
  return { name: plain, port: port === undefined ? undefined : String(Number(port)) };
}

/** The form in which names beyond ASCII are looked up, and sent by browsers. */
function toAscii(name: string): string | undefined {
  if (/^[\x21-\x7e]*$/.test(name)) return name;
  return URL.parse(`http://${name}`)?.hostname.replace(/\.$/, "");
}

function isAddress(name: string): boolean {
  return name.startsWith("[") ? URL.canParse(`http://${name}`) : IPV4.test(name);
}

function isLoopbackName(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/**
 * Whether an address to listen on is reached from its own machine alone.
 *
 * @param host a name or an address, an IPv6 address without brackets
 * @returns true for loopback
 */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (isLoopbackName(name)) return true;
  if (name.includes(":")) return isLoopbackAddress(name);
  return IPV4.test(name) && name.startsWith("127.");
}

function isLoopbackAddress(address: string): boolean {
  // URLs write an address in its one shortest form.
  const shortest = URL.parse(`http://[${address}]`)?.hostname;
  return shortest === "[::1]" || /^\[::ffff:7f[0-9a-f]{2}:/.test(shortest ?? "");
}

/**
 * Says why this cannot be one of the `allowedHosts`: no request would ever match it.
 *
 * @param host what was given
 * @returns the reason; `undefined` for a name or an address, with or without a port
 */
export function hostFault(host: string): string | undefined {
  if (host.includes("://")) return "a host has no scheme";
  if (/[/?#]/.test(host)) return "a host has no path";
  if (host.includes("*")) return "* is not supported: list each name";
  if (/^\.|\.\./.test(host)) return "a part of the name is empty";
  if (URL.canParse(`http://[${host}]`)) return "an IPv6 address needs brackets";
  const parsed = parseAuthority(host);
  if (!parsed) return "it is neither a name nor an address";
  const { name, port } = parsed;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) {
    return "the port must be from 1 to 65535";
  }
  return URL.canParse(`http://${name}`) ? undefined : "it is neither a name nor an address";
}

/** The names that a server answers to. There may be many of them. */
export class AllowedHosts {
  /** With which ports each is meant; with any if one is `undefined`. */
  readonly #allowed = new NameMap<(string | undefined)[]>();
  readonly #defaultPort: string;

  /**
   * Takes the names down.
   *
   * @param allowed names or addresses; one with a port is meant with that port alone
   * @param secure the server has TLS
   */
  constructor(allowed: readonly string[], secure: boolean) {
    for (const host of allowed) {
      const { name, port } = parseAuthority(host) ?? {};
      if (name === undefined) continue;
      const ports = this.#allowed.get(name);
      if (ports) ports.push(port);
      else this.#allowed.set(name, [port]);
    }
    this.#defaultPort = secure ? "443" : "80";
  }

  /**
   * Judges a `Host` header.
   *
   * @param host what it says; `null` if it is missing
   * @returns whether it may come in: as an address, a loopback name, or a name that is allowed
   */
  allows(host: string | null): boolean {
    if (host === null || host.length > MAX_HOST_LENGTH) return false;
    const authority = parseAuthority(decodeHeader(host));
    if (authority === undefined) return false;
    const { name, port = this.#defaultPort } = authority;
    if (isAddress(name) || isLoopbackName(name)) return true;
    const ports = this.#allowed.get(name);
    return ports !== undefined && (ports.includes(undefined) || ports.includes(port));
  }
}

/** Some send a name in UTF-8, as no browser does; a header has a character for each byte. */
function decodeHeader(host: string): string {
  if (!/[\x80-\xff]/.test(host)) return host;
  return new TextDecoder().decode(Uint8Array.from(host, (unit) => unit.charCodeAt(0)));
}
