/**
 * The addresses at which a server reports that it can be reached.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { whereToConnect } from "../../cli/where_to_connect.ts";
import { connectHost } from "../../server/addresses.ts";
import type { Server } from "../../server.ts";

const ADDRESSES = ["127.0.0.1", "fe80::1", "2001:db8::7", "169.254.1.1", "192.0.2.7", "::1"];

/** The notice of a server on this host, if the machine has these addresses and they may be read. */
async function shown(host: string, addresses: readonly string[] | undefined): Promise<string> {
  const { networkInterfaces, permissions } = Deno;
  const state = addresses ? "granted" : "prompt";
  const found = (addresses ?? []).map((address) => ({
    family: address.includes(":") ? "IPv6" : "IPv4",
    address,
  }));
  Object.assign(Deno, { networkInterfaces: () => found });
  permissions.query = () => Promise.resolve({ state } as Deno.PermissionStatus);
  try {
    const name = connectHost(host);
    const url = `ws://${name.includes(":") ? `[${name}]` : name}:7`;
    return await whereToConnect({ host, port: 7, url } as Server);
  } finally {
    Object.assign(Deno, { networkInterfaces });
    Reflect.deleteProperty(permissions, "query");
  }
}

Deno.test("a server on all addresses lists those by which others reach it, as far as it may know them", async () => {
  const every = "every address of this machine";
  assertEquals(await shown("127.0.0.1", ADDRESSES), "ws://127.0.0.1:7");
  assertEquals(await shown("192.0.2.7", ADDRESSES), "ws://192.0.2.7:7");
  assertEquals(await shown("0.0.0.0", ADDRESSES), `${every} (ws://192.0.2.7:7)`);
  assertEquals(await shown("::", ADDRESSES), `${every} (ws://192.0.2.7:7, ws://[2001:db8::7]:7)`);
  const many = [1, 2, 3, 4, 5].map((i) => `192.0.2.${i}`);
  const four = many.slice(0, 4).map((address) => `ws://${address}:7`);
  assertEquals(await shown("0.0.0.0", many), `${every} (${four.join(", ")}, …)`);
  const here = `${every}, port 7 (on the machine itself:`;
  assertEquals(await shown("0.0.0.0", undefined), `${here} ws://127.0.0.1:7)`);
  assertEquals(await shown("::", undefined), `${here} ws://[::1]:7)`);
  // A machine without a network.
  assertEquals(await shown("0.0.0.0", ["127.0.0.1"]), `${here} ws://127.0.0.1:7)`);
});
