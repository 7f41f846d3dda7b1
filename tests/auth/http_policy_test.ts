/**
 * Access control of plain HTTP: every row of the tables in `docs/access-control.md`, over both transports, and mounted.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Grant, ServeOptions } from "@dsmq/server";
import { openMounted } from "../support/mounted_server.ts";
import { openServer } from "../support/open_server.ts";
import { codeIn, optionsIn, policyTable } from "../support/policy_tables.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { withTimeout } from "../support/with_timeout.ts";

const OPEN = {
  builtin: (options: ServeOptions) => openServer(options),
  hardened: (options: ServeOptions) => openServer({ ...options, transport: "hardened" }),
  mounted: (options: ServeOptions) => Promise.resolve(openMounted(options)),
};

/** Sends a request, and reads its status and its headers; the body of one that is refused, too. */
async function ask(
  port: number,
  request: string,
  headers: Readonly<Record<string, string | undefined>>,
  body?: string,
): Promise<{ readonly status: number; readonly head: string; readonly body: string }> {
  using client = await RawSocket.connect(port);
  const given = { ...(body !== undefined && { "Content-Length": `${body.length}` }), ...headers };
  const lines = Object.entries(given).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  await client.send(`${request} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`);
  const head = await withTimeout(client.head());
  const status = Number(head.split(" ")[1]);
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
  const isRead = status >= 400 && !request.startsWith("HEAD");
  return { status, head, body: isRead ? await withTimeout(client.text(length)) : "" };
}

/** Refused clients have learnt nothing about the queue. */
function assertNothingShown({ head, body }: { readonly head: string; readonly body: string }) {
  assert(!/^dsmq-/im.test(head), head);
  assert(!/"(seq|position|topics|messages|last|floor|epoch)"/.test(body), body);
}

for (const [kind, open] of Object.entries(OPEN)) {
  /** Runs servers for the rows that share them. Nothing is stored but what is accepted. */
  const eachRow = async (
    heading: string,
    check: (port: number, row: readonly string[]) => Promise<void>,
  ): Promise<void> => {
    const rows = policyTable(heading);
    assert(rows.length > 0);
    for (const [setup, those] of Map.groupBy(rows, ([setup]) => setup!)) {
      await using server = await open(optionsIn(setup));
      for (const row of those) await check(server.port, row);
    }
  };

  Deno.test(`${kind}: a request over HTTP is accepted by the names of the server, and by no other`, async () => {
    await eachRow("Host names", async (port, [setup, name, expected]) => {
      const host = name === "missing" ? undefined : codeIn(name!, port) ?? "";
      for (
        const path of ["GET /topics/t", "GET /topics/t?wait=60", "POST /topics/t", "GET /nothing"]
      ) {
        if (expected === "accepted" && path !== "GET /topics/t") continue;
        const body = path.startsWith("POST") ? "m" : undefined;
        const seen = await ask(port, path, { Host: host }, body);
        const right = expected === "accepted"
          ? seen.status === 204
          : [400, 403].includes(seen.status);
        assert(right, `${setup}, ${path} for Host ${name}: ${seen.status}`);
        if (expected !== "accepted") assertNothingShown(seen);
      }
    });
  });

  Deno.test(`${kind}: a page may send requests from the server's own origin, or from an allowed one`, async () => {
    await eachRow("Origins", async (port, [setup, from, expected]) => {
      const origin = from === "missing" ? undefined : codeIn(from!, port) ?? "";
      const headers = { Host: `127.0.0.1:${port}`, Origin: origin };
      const seen = await ask(port, "GET /topics/t", headers);
      assertEquals(seen.status, expected === "accepted" ? 204 : 403, `${setup}, Origin ${from}`);
      const shared = /^access-control-allow-origin: (.*)\r$/im.exec(seen.head)?.[1];
      assertEquals(
        shared,
        expected === "accepted" ? origin : undefined,
        `${setup}, Origin ${from}`,
      );
      assert(!/^access-control-allow-credentials/im.test(seen.head), "cookies are never asked for");
      if (expected !== "accepted") assertNothingShown(seen);
    });
  });

  Deno.test(`${kind}: what a page of another site sends is refused before anything is done`, async () => {
    await eachRow("Pages that send requests", async (port, row) => {
      const [, method, from, site, expected] = row;
      const name = codeIn(method!, port)!;
      const body = name === "POST" ? "m" : undefined;
      for (const token of [undefined, "Bearer x"]) {
        const seen = await ask(port, `${name} /topics/${name === "POST" ? "put" : "t?wait=0"}`, {
          "Host": `127.0.0.1:${port}`,
          "Origin": codeIn(from!, port),
          "Sec-Fetch-Site": codeIn(site!, port),
          "Authorization": token,
          ...(name === "OPTIONS" && { "Access-Control-Request-Method": "POST" }),
        }, body);
        const accepted = name === "POST" ? 201 : 204;
        assertEquals(seen.status, expected === "accepted" ? accepted : 403, row.join(", "));
        if (expected !== "accepted") assertNothingShown(seen);
      }
    });
  });

  Deno.test(`${kind}: a token of a request over HTTP is read from its headers, and from no other place`, async () => {
    await eachRow("Tokens", async (port, row) => {
      const [, what, , expected] = row;
      const [, word, rest] = /^`(.+?)`(.*)$/.exec(what!) ?? [];
      if (rest === " in `hello`") return;
      const isInAddress = rest === " in the address";
      const isProtocol = word?.startsWith("dsmq.");
      const seen = await ask(port, `GET /topics/t${isInAddress ? `?token=${word}` : ""}`, {
        "Host": `127.0.0.1:${port}`,
        "Authorization": isProtocol || isInAddress ? undefined : word,
        "Sec-WebSocket-Protocol": isProtocol ? word : undefined,
      });
      // A client of HTTP cannot send its token later.
      const refused = isInAddress ? 400 : 401;
      assertEquals(seen.status, expected === "accepted" ? 204 : refused, row.join(", "));
      if (expected === "accepted") return;
      if (isInAddress) return assertNothingShown(seen);
      assert(/^www-authenticate: Bearer/im.test(seen.head), seen.head);
      assertNothingShown(seen);
    });
  });
}

/** The columns, by the grant of each. */
const GRANTS: readonly Grant[] = [
  { permissions: ["read"], prefixes: ["mine."] },
  { permissions: ["write"], prefixes: ["mine."] },
  { permissions: ["work"], prefixes: ["mine."] },
  { permissions: ["admin"] },
  { permissions: ["admin"], prefixes: ["mine."] },
  { permissions: [], prefixes: ["mine."] },
  { prefixes: ["other.", "mine!"] },
];

for (const [kind, open] of Object.entries(OPEN)) {
  Deno.test(`${kind}: each permission allows its requests over HTTP, in its topics, with a token and without`, async () => {
    const rows = policyTable("Requests over HTTP");
    assert(rows.length > 0);
    for (const [i, grant] of GRANTS.entries()) {
      for (const anonymous of [false, true]) {
        // Clients without a token and without a grant are refused: that is another table.
        if (anonymous && grant.permissions?.length === 0) continue;
        const auth = anonymous
          ? { tokens: [], anonymous: grant }
          : { tokens: [{ token: "good", ...grant }] };
        await using server = await open({ auth, metrics: true });
        for (const [cell, ...verdicts] of rows) {
          const [, request, type] = /^`(.+?)`(?: as `(.+)`)?$/.exec(cell!)!;
          const isPut = request!.startsWith("POST");
          const seen = await ask(server.port, request!, {
            Host: `127.0.0.1:${server.port}`,
            Authorization: anonymous ? undefined : "Bearer good",
            ...(type !== undefined && { [isPut ? "Content-Type" : "Accept"]: type }),
          }, isPut ? '"m"' : undefined);
          const where = `${cell}, ${
            JSON.stringify(grant)
          }, anonymous: ${anonymous}: ${seen.status}`;
          assertEquals(seen.status < 300, verdicts[i] !== "no", where);
          if (seen.status < 300) continue;
          assertEquals(seen.status, 403, where);
          if (!request!.startsWith("HEAD")) {
            assertEquals(JSON.parse(seen.body).code, "permission_denied", where);
          }
          assertNothingShown(seen);
        }
        const puts = rows.filter(([cell, ...verdicts]) =>
          cell!.startsWith("`POST") && verdicts[i] !== "no"
        );
        assertEquals(server.stats().stored, puts.length);
      }
    }
  });
}
