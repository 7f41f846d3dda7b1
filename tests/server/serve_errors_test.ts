/**
 * Why a server does not start, as a code.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DsmqError, type ErrorCode, type ServeOptions } from "@dsmq/server";
import { toListenError } from "../../server/addresses.ts";
import { SQLITE_ERRORS } from "../../stores/engine.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { toOpenError } from "../../stores/file_faults.ts";
import { FileFolder } from "../support/file_folder.ts";
import { openServer } from "../support/open_server.ts";

async function refused(options: ServeOptions, expectedCode: ErrorCode): Promise<DsmqError> {
  const error = await assertRejects(() => openServer(options), DsmqError);
  assertEquals(error.code, expectedCode, error.message);
  assert(error.cause !== undefined, error.message);
  return error;
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a server that cannot listen rejects with a code (${transport})`, async () => {
    await using first = await openServer({ transport });
    await refused({ transport, port: first.port }, "address_in_use");
    for (const host of ["192.0.2.1", "2001:db8::1", "name.invalid"]) {
      await refused({ transport, host }, "address_not_available");
    }
  });

  Deno.test({
    name: `a server without permission to listen rejects with a code (${transport})`,
    permissions: { net: false, read: true, env: true, sys: true },
    fn: async () => void await refused({ transport, engine: "node:sqlite" }, "permission_denied"),
  });
}

Deno.test("an unusable file rejects with a code, and the next server can use the file", async () => {
  using folder = new FileFolder();
  const store = (path: string) => ({ store: `sqlite:${path}` }) as const;
  await using server = await openServer(store(folder.path));
  await refused(store(folder.path), "store_in_use");
  await server.shutdown();

  const other = nodeSqlite.open(`${folder.root}/other.db`);
  other.exec("CREATE TABLE t (n INTEGER)");
  other.close();
  Deno.writeTextFileSync(`${folder.root}/text.db`, "no database at all ".repeat(1000));
  for (const path of ["other.db", "text.db", "present", "not/there/queue.db"]) {
    await refused(store(`${folder.root}/${path}`), "store_unusable");
  }
  await using again = await openServer(store(folder.path));
  // A server whose port is in use has released the file.
  const file = `${folder.root}/second.db`;
  await refused({ ...store(file), port: again.port }, "address_in_use");
  await using second = await openServer(store(file));
  assert(second.port > 0);
});

Deno.test({
  name: "a file without write permission rejects with a code",
  permissions: { net: true, read: true, write: false },
  fn: async () => {
    const error = await refused({ store: "sqlite:queue.db" }, "permission_denied");
    assert(error.message.includes("--allow-write=queue.db"), error.message);
  },
});

Deno.test({
  name: "an engine that cannot be loaded rejects with a code",
  permissions: { net: true },
  fn: async () => {
    const error = await refused({ engine: "@db/sqlite" }, "module_unavailable");
    assert(
      error.message.endsWith(
        "it needs --allow-ffi --allow-read --allow-write --allow-env (or -A), with nothing denied",
      ),
      error.message,
    );
  },
});

Deno.test("each system error of files and addresses has a code", () => {
  const files: [object, ErrorCode][] = [
    [{ errcode: SQLITE_ERRORS.busy }, "store_in_use"],
    [{ code: SQLITE_ERRORS.busy }, "store_in_use"],
    [new Error("database is locked"), "store_in_use"],
    [{ errcode: SQLITE_ERRORS.full }, "full"],
    [{ code: "ENOSPC" }, "full"],
    [{ code: "EDQUOT" }, "full"],
    [{ code: "EACCES" }, "permission_denied"],
    [{ code: "EMFILE" }, "unavailable"],
    [{ code: "EROFS" }, "store_unusable"],
    [{ errcode: SQLITE_ERRORS.corrupt }, "store_unusable"],
    [{ errcode: SQLITE_ERRORS.notADb }, "store_unusable"],
    [new Error("anything else"), "store_unusable"],
  ];
  for (const [cause, expectedCode] of files) {
    assertEquals(toOpenError("/q/q.db", cause).code, expectedCode);
  }
  const ports: [string, ErrorCode][] = [
    ["EADDRINUSE", "address_in_use"],
    ["EADDRNOTAVAIL", "address_not_available"],
    ["EAI_AGAIN", "address_not_available"],
    ["EACCES", "permission_denied"],
    ["EMFILE", "unavailable"],
  ];
  for (const [expectedCode, code] of ports) {
    const cause = Object.assign(new Error("it says"), { code: expectedCode });
    assertEquals(toListenError("127.0.0.1", 30008, cause).code, code);
  }
});
