/**
 * Situations of a server that together bring each response about groups that its OpenAPI document names.
 *
 * @module
 */

import { connect } from "@dsmq/server";
import { ManualClock } from "../../testing/manual_clock.ts";
import type { Ask, DocumentedServer, Expected, OpenDocumented } from "./documented_server.ts";
import { readResponse } from "./http_client.ts";
import { HOST } from "./raw_http.ts";
import { RawSocket } from "./raw_socket.ts";

const ORIGIN = "https://app.test";
const TOKEN = "a-token-that-nobody-guesses";
const JSON_FORM = { headers: { accept: "application/json" } };

/** Asks about a group of the topic `t`, below one of the two paths. */
class GroupPath {
  readonly path: string;
  readonly #server: DocumentedServer;
  readonly #isNamed: boolean;

  constructor(server: DocumentedServer, isNamed: boolean) {
    this.#server = server;
    this.#isNamed = isNamed;
    this.path = isNamed ? "/groups/{group}" : "/topics/{topic}/groups/{group}";
  }

  /** The address of an operation. */
  address(verb: string, query = "", group = "g"): string {
    return this.#isNamed
      ? `/groups/${group}${verb}?prefix=t&${query}`
      : `/topics/t/groups/${group}${verb}?${query}`;
  }

  /** Asks, and holds the answer against the document. */
  async ask(method: string, verb: string, expected: Expected, query = "", ask: Ask = {}) {
    const address = this.address(verb, query);
    return await this.#server.ask(method, `${this.path}${verb}`, address, expected, ask);
  }

  post(verb: string, expected: Expected, body: unknown, ask: Ask = {}) {
    return this.ask("POST", verb, expected, "", { ...ask, body: JSON.stringify(body) });
  }

  /** Claims a job; returns the number of its claim. */
  async claim(query = ""): Promise<number> {
    const { headers } = await this.ask("POST", "/claim", 200, query);
    return Number(headers.get("dsmq-claim"));
  }

  /** Each operation. */
  async askAll(expected: Expected, ask: Ask = {}): Promise<void> {
    for (const [method, verb] of OPERATIONS) await this.ask(method, verb, expected, "", ask);
  }
}

/** Those whose requests have a body. */
const BODIES = ["/finish", "/extend", "/redrive"];

/** All operations of a group. */
const OPERATIONS: readonly [method: string, verb: string][] = [
  ["GET", ""],
  ["HEAD", ""],
  ["PUT", ""],
  ["DELETE", ""],
  ["POST", "/claim"],
  ...BODIES.map((verb): [string, string] => ["POST", verb]),
  ["GET", "/dead"],
  ["HEAD", "/dead"],
];

/** Both ways to ask about a group. */
export function groupPathsOf(server: DocumentedServer): GroupPath[] {
  return [false, true].map((isNamed) => new GroupPath(server, isNamed));
}

/** Each situation by what it is about. */
export const GROUP_SCENES: Readonly<Record<string, (open: OpenDocumented) => Promise<void>>> = {
  async "jobs"(open) {
    await using server = await open({ allowedOrigins: [ORIGIN] });
    await using mq = await connect(server.url);
    const attributes = { messageId: "m", key: "k", headers: { traceparent: "00-ab-cd-01" } };
    await mq.put("t", "one", attributes);
    await mq.putMany("t", ["two", "three", "four", "\ud800"]);
    for (const group of groupPathsOf(server)) {
      await group.ask("PUT", "", 201, "", { headers: { origin: ORIGIN } });
      await group.ask("PUT", "", 200);
      const first = await group.claim();
      await group.ask("POST", "/claim", 200, "lease=60&timeout=90&attempts=3", JSON_FORM);
      const third = await group.claim("wait=1");
      await group.post("/extend", 200, { claim: first });
      await group.post("/extend", 200, { claims: [first, third, 5] });
      await group.post("/finish", 200, { claim: first });
      await group.post("/finish", 200, [
        { claim: third, outcome: "retry", delay: 0.5, reason: "later" },
        { claim: 5 },
      ]);
      await group.post("/finish", 200, {
        claim: await group.claim(),
        outcome: "dead",
        reason: "it is poison",
      });
      await group.post("/finish", [409, "lease_lost"], { claim: 5 });
      await group.post("/extend", [409, "lease_lost"], { claim: 5 });
      await group.ask("POST", "/claim", [406, "bad_request"]);
      await group.ask("POST", "/claim", 200, "", JSON_FORM);
      await group.ask("POST", "/claim", 204);
      for (const method of ["GET", "HEAD"]) {
        await group.ask(method, "", 200);
        await group.ask(method, "", [406, "bad_request"], "", {
          headers: { accept: "text/plain" },
        });
        await group.ask(method, "/dead", 200);
        await group.ask(method, "/dead", [406, "bad_request"], "", {
          headers: { accept: "text/plain" },
        });
        await server.ask(method, "/groups", "/groups", 200);
        await server.ask(method, "/groups", "/groups?after=x", [400, "bad_request"]);
        await server.ask(method, "/groups", "/groups", [406, "bad_request"], {
          headers: { accept: "text/plain" },
        });
      }
      await group.post("/redrive", 200, { seq: 4 });
      await group.post("/redrive", 200, undefined);
      await group.askAll(403, { headers: { origin: "https://evil.test" } });
      await group.ask("DELETE", "", 204);
    }
  },

  async "what is no request about a group"(open) {
    await using server = await open();
    for (const group of groupPathsOf(server)) {
      for (const [method, verb] of OPERATIONS) {
        await group.ask(method, verb, [400, "bad_request"], "nonsense=1");
        // These make the group.
        if (method === "PUT" || verb === "/claim") continue;
        const none = [404, "not_found"] as const;
        const about = verb === "/finish" || verb === "/extend" ? { claim: 5 } : undefined;
        if (method === "POST") await group.post(verb, none, about);
        else await group.ask(method, verb, none);
      }
      for (const [method, verb] of [["PUT", ""], ["POST", "/claim"]] as const) {
        await group.ask(method, verb, [400, "bad_request"], "", { body: "x" });
      }
      await group.ask("POST", "/claim", [400, "bad_request"], "lease=0");
      await group.ask("POST", "/claim", 406, "", { headers: { accept: "image/png" } });
      for (const verb of BODIES) {
        await group.post(verb, [400, "bad_request"], { nonsense: 1 });
        const text = { headers: { "content-type": "text/plain; charset=latin1" } };
        await group.post(verb, [415, "bad_request"], {}, text);
        const path = `${group.path}${verb}`;
        await server.askRaw("POST", path, group.address(verb), 411, [HOST]);
        const declared = [HOST, "Content-Length: 9000000"];
        await server.askRaw("POST", path, group.address(verb), [413, "too_large"], declared);
      }
    }
  },

  async "a group that is deleted while somebody waits for its jobs"(open) {
    await using server = await open();
    await using mq = await connect(server.url);
    for (const group of groupPathsOf(server)) {
      const waiting = group.ask("POST", "/claim", [404, "not_found"], "wait=600");
      while ((await mq.connections()).length < 2) await Promise.resolve();
      await group.ask("DELETE", "", 204);
      await waiting;
    }
  },

  async "tokens and groups"(open) {
    const grant = { token: TOKEN, permissions: ["read", "write", "work"] as const };
    await using server = await open({ auth: { tokens: [{ ...grant, topics: ["other"] }] } });
    for (const group of groupPathsOf(server)) {
      await group.askAll([401, "unauthorized"]);
      const headers = { authorization: `Bearer ${TOKEN}` };
      await group.askAll([403, "permission_denied"], { headers });
    }
  },

  async "tokens that nobody can check, and groups"(open) {
    const verify = () => Promise.reject(new Error("the database is away"));
    await using server = await open({ auth: { verify } });
    const headers = { authorization: `Bearer ${TOKEN}` };
    for (const group of groupPathsOf(server)) await group.askAll([503, "unavailable"], { headers });
  },

  async "limits of groups"(open) {
    await using server = await open({ limits: { groups: 1, totalWaits: 1 } });
    await using mq = await connect(server.url);
    const [one, other] = groupPathsOf(server);
    const waiting = one!.ask("POST", "/claim", [404, "not_found"], "wait=600");
    while ((await mq.connections()).length < 2) await Promise.resolve();
    await one!.ask("POST", "/claim", [429, "limit_exceeded"], "wait=600");
    await other!.ask("POST", "/claim", [429, "limit_exceeded"]);
    await other!.ask("PUT", "", [429, "limit_exceeded"]);
    await one!.ask("DELETE", "", 204);
    await waiting;
  },

  async "slots for groups"(open) {
    for (
      const [limits, expected] of [
        [{ connections: 1 }, [503, "limit_exceeded"]],
        [{ connectionsPerAddress: 1 }, [429, "limit_exceeded"]],
      ] as const
    ) {
      await using server = await open({ limits });
      const stream = await server.fetch("/topics/t", { headers: { accept: "text/event-stream" } });
      for (const group of groupPathsOf(server)) await group.askAll(expected);
      await stream.body!.cancel();
    }
  },

  async "bodies about groups that do not arrive"(open) {
    const clock = new ManualClock();
    await using server = await open({ clock });
    for (const group of groupPathsOf(server)) {
      for (const verb of BODIES) {
        using client = await RawSocket.connect(server.port);
        const target = `POST ${server.base}${group.address(verb)} HTTP/1.1`;
        await client.send(`${target}\r\n${HOST}\r\nContent-Length: 9\r\n\r\nhalf`);
        let answered = false;
        const response = readResponse(client).finally(() => answered = true);
        // The body has its time from when the server reads it, whenever that is.
        while (!answered) {
          clock.advance(1000);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        server.expectRaw(await response, "POST", `${group.path}${verb}`, [408, "bad_request"]);
      }
    }
  },

  async "the end of a server at which somebody waits for jobs"(open) {
    const server = await open();
    const mq = await connect(server.url);
    const waiting = groupPathsOf(server).map((group) =>
      group.ask("POST", "/claim", [503, "shutting_down"], "wait=600")
    );
    while ((await mq.connections()).length < 1 + waiting.length) await Promise.resolve();
    await mq.close();
    await server[Symbol.asyncDispose]();
    await Promise.all(waiting);
  },
};
