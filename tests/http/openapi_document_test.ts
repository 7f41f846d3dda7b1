/**
 * `/openapi.json` and the tables of the code say the same, and what the document does not name is not there.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { PAGE_PATHS } from "../../http/page_paths.ts";
import { PAGE_METHODS } from "../../http/pages.ts";
import { STATUS_OF } from "../../http/problem.ts";
import { GROUP_RESOURCES } from "../../http/group_routes.ts";
import { EXACT_ROUTES, findRoute } from "../../http/routes.ts";
import { testDocumented } from "../support/documented_server.ts";
import { problemOf } from "../support/http_server.ts";

/** Where groups are. */
const GROUP_PATHS = ["/topics/{topic}/groups/{group}", "/groups/{group}"];

const ORIGIN = "https://app.test";
const addressOf = (path: string) => path.replace("{topic}", "t").replace("{group}", "g");

/** Objects within a document, each with its place. */
function* objectsIn(part: unknown, at: string): Generator<[string, Record<string, unknown>]> {
  if (part === null || typeof part !== "object") return;
  if (!Array.isArray(part)) yield [at, part as Record<string, unknown>];
  for (const [name, value] of Object.entries(part)) yield* objectsIn(value, `${at}/${name}`);
}

testDocumented(
  "the document names each path and method of the server, and no other",
  async (_, contract) => {
    const { paths } = contract.document as { paths: Record<string, object> };
    const known = [
      ...[...Object.keys(EXACT_ROUTES), ...PAGE_PATHS, "/topics/{topic}"],
      ...GROUP_PATHS.flatMap((path) => Object.keys(GROUP_RESOURCES).map((verb) => path + verb)),
    ];
    // An empty topic: the same as without the slash.
    assertEquals(Object.keys(paths).sort(), known.filter((path) => path !== "/topics/").sort());
    for (const [path, item] of Object.entries(paths)) {
      const route = findRoute(path);
      const allow = route?.allow ?? PAGE_METHODS;
      if (route) assertEquals(route.pattern, path);
      const methods = Object.keys(item).filter((name) => name !== "parameters");
      assertEquals(
        methods.map((name) => name.toUpperCase()).sort(),
        allow.split(", ").sort(),
        path,
      );
    }
    const statuses = new Set(contract.responses.map(({ status }) => status));
    const missing = Object.values(STATUS_OF).filter((status) => !statuses.has(status));
    assertEquals(missing, []);
    await Promise.resolve();
  },
);

testDocumented("what the document does not name is 404 or 405", async (open, contract) => {
  await using server = await open({ metrics: true });
  const { paths } = contract.document as { paths: Record<string, Record<string, unknown>> };
  for (const [path, item] of Object.entries(paths)) {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]) {
      if (item[method.toLowerCase()]) continue;
      const response = await server.fetch(addressOf(path), { method });
      // HEAD has no body.
      if (method !== "HEAD") assertEquals((await problemOf(response)).code, "bad_request");
      assertEquals(response.status, 405, `${method} ${path}`);
      const named = Object.keys(item).filter((name) => name !== "parameters");
      const allowed = response.headers.get("allow")!.split(", ");
      assertEquals(allowed.sort(), named.map((name) => name.toUpperCase()).sort());
    }
    // What follows is part of the name, of a topic or a group.
    if (path.includes("{")) continue;
    for (const other of [`${path}x`, `/x${path}`, path.toUpperCase()]) {
      if (Object.hasOwn(paths, other)) continue;
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const { status, code } = await problemOf(await server.fetch(other, { method }));
        assertEquals([status, code], [404, "not_found"], `${method} ${other}`);
      }
    }
  }
});

testDocumented(
  "the document names each parameter that a path has, and no other",
  async (open, contract) => {
    await using server = await open();
    const parametersOf = async (method: string, address: string) => {
      const init = { method, ...(address.endsWith("/t") && method === "POST" && { body: "x" }) };
      const separator = address.includes("?") ? "&" : "?";
      const { detail } = await problemOf(
        await server.fetch(`${address}${separator}nonsense=1`, init),
      );
      return detail.split("one of ")[1]!.split(", ");
    };
    const cases: [method: string, path: string, addresses: string[]][] = [
      ["GET", "/topics/{topic}", ["/topics/t"]],
      ["GET", "/topics", ["/topics", "/topics?topic=t"]],
      ["GET", "/messages", ["/messages"]],
      ["POST", "/topics/{topic}", ["/topics/t"]],
      ["POST", "/topics", ["/topics"]],
      ["GET", "/groups", ["/groups"]],
      ["PUT", "/topics/{topic}/groups/{group}", ["/topics/t/groups/g"]],
      ["GET", "/groups/{group}", ["/groups/g"]],
      ["POST", "/topics/{topic}/groups/{group}/claim", ["/topics/t/groups/g/claim"]],
      ["GET", "/topics/{topic}/groups/{group}/dead", ["/topics/t/groups/g/dead"]],
      ["PUT", "/groups/{group}", ["/groups/g"]],
      ["DELETE", "/groups/{group}", ["/groups/g"]],
      ["POST", "/groups/{group}/claim", ["/groups/g/claim"]],
      ["POST", "/groups/{group}/finish", ["/groups/g/finish"]],
      ["POST", "/groups/{group}/extend", ["/groups/g/extend"]],
      ["POST", "/groups/{group}/redrive", ["/groups/g/redrive"]],
      ["GET", "/groups/{group}/dead", ["/groups/g/dead"]],
    ];
    for (const [method, path, addresses] of cases) {
      const all = await Promise.all(addresses.map((address) => parametersOf(method, address)));
      const known = new Set(all.flat());
      // There it would be named twice.
      if (path === "/topics/{topic}") known.delete("topic");
      const named = contract.parametersOf(path, method, "query");
      assertEquals(named.sort(), [...known].sort(), `${method} ${path}`);
    }
  },
);

testDocumented(
  "pages of allowed origins may send and read each header of the document",
  async (open, contract) => {
    await using server = await open({ allowedOrigins: [ORIGIN] });
    for (
      const [method, path] of [["GET", "/topics/{topic}"], ["POST", "/topics/{topic}"]] as const
    ) {
      const sent = contract.parametersOf(path, method, "header").map((name) => name.toLowerCase());
      const wanted = [...sent, "authorization", "content-type"].join(", ");
      const { headers } = await server.fetch(addressOf(path), {
        method: "OPTIONS",
        headers: {
          origin: ORIGIN,
          "access-control-request-method": method,
          "access-control-request-headers": wanted,
        },
      });
      assertEquals(headers.get("access-control-allow-headers"), wanted);
      const readable = headers.get("access-control-expose-headers")!.toLowerCase().split(", ");
      const named = [...objectsIn(contract.document, "")].filter(([at]) => at.endsWith("/headers"))
        .flatMap(([, all]) => Object.keys(all)).map((name) => name.toLowerCase());
      const own = new Set(named.filter((name) => /^(dsmq-(?!header)|allow$|retry|www)/.test(name)));
      assertEquals([...own].filter((name) => !readable.includes(name)), []);
      assert(own.size >= 8);
    }
  },
);

testDocumented("the examples of the document have the form that it says", (_, contract) => {
  let count = 0;
  for (const [at, part] of objectsIn(contract.document, "")) {
    const { example, examples, schema } = part;
    if (example !== undefined) contract.validate(schema as typeof part, example, at);
    if (Array.isArray(examples)) {
      for (const one of examples) contract.validate(part, one, at);
    }
    if (example !== undefined || Array.isArray(examples)) count++;
  }
  assert(count >= 8, `${count} examples`);
  return Promise.resolve();
});

testDocumented(
  "the address of the server in the document leads to it, also below what a proxy puts before it",
  async (open, contract) => {
    await using server = await open();
    const { servers: [{ url }] } = contract.document as { servers: [{ url: string }] };
    await using proxy = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const { pathname, search } = new URL(request.url);
      if (!pathname.startsWith("/prefix/")) return new Response("not here", { status: 404 });
      return server.fetch(`${pathname.slice("/prefix".length)}${search}`);
    });
    for (
      const document of [
        `http://127.0.0.1:${server.port}${server.base}/openapi.json`,
        `http://127.0.0.1:${proxy.addr.port}/prefix/openapi.json`,
      ]
    ) {
      const address = new URL(url, document).href.replace(/\/$/, "");
      const response = await fetch(`${address}/health/live`);
      assertEquals([response.status, await response.text()], [200, "ok\n"], address);
    }
  },
);
