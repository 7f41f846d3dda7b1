/**
 * Requests that last, and their tokens: one that expires, is revoked, or may do less ends the request, once, with its code.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Auth, connect } from "@dsmq/server";
import { claims, SECRET, signed } from "../auth/jwt_support.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { EventReader } from "../support/event_reader.ts";
import { HeldStore } from "../support/held_store.ts";
import { type HttpServer, problemOf, testHttp } from "../support/http_server.ts";
import { serveStore } from "../support/served_store.ts";
import { withTimeout } from "../support/with_timeout.ts";

const NOW = new ManualClock().now();

const READER = { token: "reader", permissions: ["read"] } as const;
/** It sees the others, too. */
const WRITER = { token: "writer", permissions: ["write", "admin"] } as const;

/** What happens to the reader's token, and with which code its requests end; `undefined` if they go on. */
interface Change {
  readonly auth?: Auth;
  readonly code?: "unauthorized" | "permission_denied";
}

const CHANGES: Readonly<Record<string, Change>> = {
  "has expired": { code: "unauthorized" },
  "was revoked": { auth: { tokens: [WRITER] }, code: "unauthorized" },
  "may write only": {
    auth: { tokens: [WRITER, { ...READER, permissions: ["write"] }] },
    code: "permission_denied",
  },
  "may read other topics": {
    auth: { tokens: [WRITER, { ...READER, topics: ["other"] }] },
    code: "permission_denied",
  },
  "may read this topic still": {
    auth: { tokens: [WRITER, { ...READER, topics: ["t"], prefixes: ["t"] }] },
  },
  "is the same": { auth: { tokens: [WRITER, READER] } },
};

const STATUS = { unauthorized: 401, permission_denied: 403 };

/** Puts with the token of the one that stays. */
async function put(server: Pick<HttpServer, "post">, token: string, body: string): Promise<void> {
  const response = await server.post("/topics/t", body, { authorization: `Bearer ${token}` });
  assertEquals(response.status, 201);
  await response.body?.cancel();
}

/** What is left of a stream, as text. */
async function restOf(reader: EventReader): Promise<string> {
  let rest = "";
  for (let part; (part = await reader.part()) !== undefined;) rest += `${part}\n`;
  return rest;
}

for (const path of ["/topics/t", "/messages?prefix=t"]) {
  for (const [what, { auth, code }] of Object.entries(CHANGES)) {
    testHttp(
      `requests for ${path} whose token ${what} ${
        code ? `end with ${code}, once, and get nothing more` : "go on"
      }`,
      async (open) => {
        const clock = new ManualClock();
        const isJwt = auth === undefined;
        const token = (permissions: string[], seconds: number) =>
          signed(
            claims(NOW, { exp: NOW / 1000 + seconds, sub: permissions[0], dsmq: { permissions } }),
          );
        const [reader, writer] = isJwt
          ? [await token(["read"], 10), await token(["write", "admin"], 60)]
          : [READER.token, WRITER.token];
        await using server = await open({
          clock,
          auth: isJwt
            ? { jwt: { secret: SECRET, clockTolerance: 0 } }
            : { tokens: [READER, WRITER] },
        });
        await using mq = await connect(server.url, { token: writer });
        const authorization = { authorization: `Bearer ${reader}` };
        await using events = await EventReader.events(`${server.origin}${path}`, authorization);
        await using lines = await EventReader.lines(`${server.origin}${path}`, authorization);
        const first = await events.part();
        const waiting = server.get(`${path}${path.includes("?") ? "&" : "?"}wait=60&after=now`, {
          headers: authorization,
        });
        while ((await mq.connections()).length < 4) await Promise.resolve();
        if (auth) await server.setAuth(auth);
        else clock.advance(10_000);
        if (code === undefined) {
          await put(server, writer, "after");
          assertEquals(await (await waiting).text(), "after");
          assertEquals(await events.bodies(1), ["after"]);
          assertEquals(await lines.bodies(1), ["after"]);
          return;
        }
        const answered = await withTimeout(waiting);
        assertEquals([answered.status, (await problemOf(answered)).code], [STATUS[code], code]);
        const challenge = answered.headers.get("www-authenticate");
        assertEquals(challenge, code === "unauthorized" ? 'Bearer error="invalid_token"' : null);
        await put(server, writer, "after");
        const [seen, line] = [await restOf(events), await restOf(lines)];
        assert(first?.startsWith("id: "), first);
        assertEquals(seen.match(/^event: end$/gm)?.length, 1, seen);
        assertEquals(JSON.parse(/^data: (.*)$/m.exec(seen)![1]!).code, code);
        assertEquals(JSON.parse(line).end.code, code);
        assert(!`${seen}${line}`.includes("after"), `${seen}${line}`);
      },
    );
  }
}

for (const transport of ["builtin", "hardened"] as const) {
  for (const accept of ["text/plain", "text/event-stream", "application/x-ndjson"]) {
    Deno.test(`a token that is revoked after its request was admitted, before anything was read, gets nothing as ${accept} (${transport})`, async () => {
      const changes: [auth: Auth, status: number][] = [
        [{ tokens: [WRITER] }, 401],
        [{ tokens: [WRITER, { ...READER, topics: ["other"] }] }, 403],
        [{ tokens: [READER] }, 200],
      ];
      for (const [auth, status] of changes) {
        const store = new HeldStore(["topicBounds", "read"]);
        const options = { transport, auth: { tokens: [READER, WRITER] } };
        await using server = await serveStore(store, options);
        const origin = `http://127.0.0.1:${server.port}`;
        const ask = (init: RequestInit = {}) => fetch(`${origin}/topics/t`, init);
        const written = await ask({
          ...{ method: "POST", body: "before", headers: { authorization: "Bearer writer" } },
        });
        assertEquals([written.status, (await written.json()).seq], [201, 1]);
        store.hold();
        const asked = store.nextHeld();
        const waiting = fetch(`${origin}/topics/t?after=start`, {
          headers: { accept, authorization: "Bearer reader" },
        });
        await withTimeout(asked);
        await server.setAuth(auth);
        store.release();
        const answered = await withTimeout(waiting);
        assertEquals(answered.status, status);
        if (status !== 200) {
          const text = await answered.text();
          assert(!text.includes("before"), text);
        } else if (accept === "text/plain") assertEquals(await answered.text(), "before");
        else {
          await using reader = new EventReader(
            answered,
            accept === "text/event-stream" ? "\n\n" : "\n",
          );
          assertEquals(await reader.bodies(1), ["before"]);
        }
      }
    });
  }
}
