/**
 * What a server says of clients without a token is what they may do, whatever its `auth` consists of.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Auth, connect, type Connection, isDsmqError, serve } from "@dsmq/server";
import { Permissions } from "../../auth/permissions.ts";
import { SECRET } from "../auth/jwt_support.ts";

const READ = ["read"] as const;
const verify = () => undefined;
const jwt = { secret: SECRET };
const tokens = [{ token: "secret" }];

/** Who may do what, and what everybody may do according to the warning. */
const CASES: readonly (readonly [string | Auth | undefined, string | undefined])[] = [
  [undefined, "read, write and work"],
  ["secret", undefined],
  [{ tokens: [] }, undefined],
  [{ tokens }, undefined],
  [{ jwt }, undefined],
  [{ verify }, undefined],
  [{ anonymous: {} }, "read, write and work"],
  [{ anonymous: { permissions: READ } }, "read"],
  [{ anonymous: { permissions: ["read", "write"] } }, "read and write"],
  [
    { anonymous: { permissions: ["read", "write", "work", "admin"] } },
    "read, write, work and administer",
  ],
  [{ anonymous: { permissions: ["admin"] } }, "administer"],
  [{ anonymous: { permissions: [] } }, undefined],
  [{ anonymous: { topics: [] } }, undefined],
  [{ anonymous: { prefixes: [""] } }, "read, write and work"],
  // Whoever writes that down means it.
  [{ anonymous: { topics: ["t"] } }, undefined],
  [{ tokens, anonymous: { permissions: READ, prefixes: ["t"] } }, undefined],
  [{ tokens: [], anonymous: {} }, "read, write and work"],
  [{ tokens, anonymous: {} }, "read, write and work"],
  [{ tokens, anonymous: { permissions: [] } }, undefined],
  [{ jwt, anonymous: { permissions: READ } }, "read"],
  [{ verify, anonymous: { permissions: ["write"] } }, "write"],
];

/** The warnings of a server that other machines can reach. */
function recorded() {
  const warnings: string[] = [];
  const warn = (line: string) => {
    const [, what] =
      /^dsmq: everyone who can reach 0\.0\.0\.0 may (.*): require a token/.exec(line) ??
        [];
    if (what !== undefined) warnings.push(what);
  };
  return { warnings, log: { info() {}, warn, error() {} } };
}

/** Whether a client without a token may do something. */
async function may(url: string, work: (mq: Connection) => Promise<unknown>): Promise<boolean> {
  try {
    await using mq = await connect(url);
    await work(mq);
    return true;
  } catch (error) {
    assert(
      isDsmqError(error, "unauthorized") || isDsmqError(error, "permission_denied"),
      `${error}`,
    );
    return false;
  }
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a server that others can reach warns of what everybody may do, as it is (${transport})`, async () => {
    for (const [auth, expected] of CASES) {
      const { warnings, log } = recorded();
      const options = { host: "0.0.0.0", port: 0, transport, log } as const;
      await using server = await serve(auth === undefined ? options : { ...options, auth });
      assertEquals(warnings, expected === undefined ? [] : [expected], JSON.stringify(auth));
      // A topic that no grant names.
      const reads = await may(server.url, (mq) => mq.get("other"));
      const writes = await may(server.url, (mq) => mq.put("other", "m"));
      const words = expected?.split(/, | and /) ?? [];
      assertEquals([reads, writes], [words.includes("read"), words.includes("write")]);
    }
  });
}

Deno.test("a server warns again when setAuth lets everybody do something else, and not on loopback", async () => {
  const { warnings, log } = recorded();
  await using server = await serve({ host: "0.0.0.0", port: 0, auth: "secret", log });
  await using local = await serve({ port: 0, log });
  await local.setAuth({ anonymous: {} });
  assertEquals(warnings, []);
  for (const [auth] of CASES) if (auth !== undefined) await server.setAuth(auth);
  assertEquals(warnings, [
    ...["read, write and work", "read", "read and write"],
    ...["read, write, work and administer", "administer"],
    ...["read, write and work", "read, write and work", "read", "write"],
  ]);
});

Deno.test("what a grant permits is said in words", () => {
  const summary = (...args: ConstructorParameters<typeof Permissions>) =>
    new Permissions(...args).summary?.words;
  assertEquals(summary("a", {}), "read, write, work and administer");
  assertEquals(summary("a", { topics: ["t"] }), "read, write, work and administer some topics");
  assertEquals(summary("a", { permissions: READ, prefixes: ["t"] }), "read some topics");
  assertEquals(
    summary("a", [{ permissions: READ }, { topics: ["t"] }]),
    "read, write, work and administer some topics",
  );
  assertEquals(summary("a", []), undefined);
  for (const administration of ["local", "denied"] as const) {
    assertEquals(summary("", {}, { administration }), "read, write and work");
  }
});
