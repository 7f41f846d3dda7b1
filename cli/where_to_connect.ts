/**
 * Describes where a server can be reached.
 *
 * @module
 */

import type { Server } from "../server.ts";

/** Hosts that mean all addresses of the machine. */
const WILDCARD_HOSTS = ["0.0.0.0", "::"];

/** How many addresses are listed. */
const MAX_SHOWN_ADDRESSES = 4;

/**
 * The address of a server; or the addresses of the machine, if it listens on all of them and Deno may list them. Deno
 * never prompts for that.
 *
 * @param server the server
 * @returns what comes after "listens on"
 */
export async function whereToConnect({ host, port, url }: Server): Promise<string> {
  if (!WILDCARD_HOSTS.includes(host)) return url;
  const permission = { name: "sys", kind: "networkInterfaces" } as const;
  const { state } = await Deno.permissions.query(permission);
  const addresses = state === "granted" ? reachableAddresses(host) : [];
  if (addresses.length === 0) {
    return `every address of this machine, port ${port} (on the machine itself: ${url})`;
  }
  const { protocol, pathname } = new URL(url);
  const path = pathname === "/" ? "" : pathname;
  const shown = addresses.slice(0, MAX_SHOWN_ADDRESSES).map((address) =>
    `${protocol}//${address.includes(":") ? `[${address}]` : address}:${port}${path}`
  );
  const more = addresses.length > shown.length ? ", …" : "";
  return `every address of this machine (${shown.join(", ")}${more})`;
}

/** The addresses that other machines can use: not loopback, and not link-local. */
function reachableAddresses(host: string): readonly string[] {
  return Deno.networkInterfaces()
    .filter(({ family }) => host === "::" || family === "IPv4")
    .map(({ address }) => address)
    .filter((address) => !/^(127\.|169\.254\.|::1$|fe80:)/.test(address))
    .sort((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}
