/**
 * What the option `store` accepts: a path as it is written, and nothing ambiguous.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { serve, type ServeOptions, type StoreChoice } from "../../server.ts";
import { FileFolder } from "../support/file_folder.ts";

/** Refused values, and their errors. */
const WRONG: Readonly<Record<string, RegExp>> = {
  "sqlite:///q.db": /without slashes before the path/,
  "sqlite://q.db": /without slashes before the path/,
  "sqlite:////tmp/q.db": /without slashes before the path/,
  "sqlite:file:q.db": /a path and no address/,
  "sqlite:file:q.db?mode=memory": /a path and no address/,
  "sqlite:https://x": /a path and no address/,
  "sqlite:q.db?mode=memory": /no options behind a \?/,
  "sqlite::memory:": /for messages in memory it is "memory"/,
  "sqlite:~/q.db": /~ does not stand for a folder/,
  "sqlite:~": /~ does not stand for a folder/,
  'sqlite:"q.db"': /quotes would be a part/,
  "sqlite:'q.db": /quotes would be a part/,
  "sqlite: q.db": /spaces around it/,
  "sqlite:q.db\n": /spaces around it/,
  "sqlite:q\0.db": /no control characters/,
  "sqlite:folder/": /a file and no folder/,
  "sqlite:": /store must be "memory", "sqlite:PATH" or "nats:\/\/SERVER\/NAME"/,
  "paper": /store must be "memory", "sqlite:PATH" or "nats:\/\/SERVER\/NAME", got "paper"$/,
  "redis://h/q.db":
    /store must be "memory", "sqlite:PATH" or "nats:\/\/SERVER\/NAME", got "redis:\/\/h\/q\.db"$/,
  "sqlite3:q.db": /got "sqlite3:q\.db"; did you mean "sqlite:q\.db"\?$/,
  "q.db": /got "q\.db"; did you mean "sqlite:q\.db"\?$/,
  "/var/lib/q": /; did you mean "sqlite:\/var\/lib\/q"\?$/,
  "file:q.db": /got "file:q\.db"; did you mean "sqlite:q\.db"\?$/,
  "Memory": /got "Memory"; did you mean "memory"\?$/,
  ":memory:": /got ":memory:"; did you mean "memory"\?$/,
};

/** Runs work in a folder of its own. */
async function within(path: string, work: () => Promise<void>): Promise<void> {
  const before = Deno.cwd();
  Deno.chdir(path);
  try {
    await work();
  } finally {
    Deno.chdir(before);
  }
}

Deno.test("an invalid store is refused with a sentence, and nothing is created", async () => {
  using folder = new FileFolder();
  await within(`${folder.root}/present`, async () => {
    for (const [store, expected] of Object.entries(WRONG)) {
      const options = { port: 0, store: store as StoreChoice };
      const error = await assertRejects(() => serve(options), RangeError);
      assertMatch(error.message, expected);
      assert(error.message.startsWith("Cannot serve: store must be "), error.message);
      assert(error.message.includes(`, got ${JSON.stringify(store)}`), error.message);
    }
  });
  assertEquals(folder.names(), []);
});

Deno.test("a server reports the absolute path of its file, however it was given", async () => {
  using folder = new FileFolder();
  await within(`${folder.root}/present`, async () => {
    for (const store of ["sqlite:q.db", "SQLite:./q.db", `sqlite:${folder.root}/present/q.db`]) {
      await using server = await serve({ port: 0, store: store as StoreChoice });
      assert(
        server.storeDescription.startsWith(`sqlite:${folder.root}/present/q.db on `),
        server.storeDescription,
      );
    }
    for (const name of ["a b.db", "q%20x.db", "ü\u{1f995}", "-", "a?b", "a'b\"c", ":memory:x"]) {
      await using _ = await serve({ port: 0, store: `sqlite:${name}` });
      assert(folder.names().includes(name), name);
    }
  });
});

Deno.test("durability is refused with a store in memory, which survives nothing, and takes what a file can keep", async () => {
  using folder = new FileFolder();
  const file = `sqlite:${folder.root}/present/q.db` as const;
  for (const store of [undefined, "memory", file] as const) {
    for (const durability of ["memory", "process", "disk", "quorum", "", 5]) {
      const options = { port: 0, store, durability } as ServeOptions;
      if (store === file && (durability === "process" || durability === "disk")) {
        await using server = await serve(options);
        assertStringIncludes(server.storeDescription, "an acknowledged message survives");
        continue;
      }
      const expected = store === file
        ? 'durability must be "disk" or "process", got '
        : 'durability must be left out unless store is "sqlite:PATH", because messages in memory survive nothing, got ';
      const ErrorClass = durability === 5 ? TypeError : RangeError;
      const error = await assertRejects(() => serve(options), ErrorClass);
      assertEquals(error.message, `Cannot serve: ${expected}${JSON.stringify(durability)}`);
    }
  }
  await using server = await serve({ port: 0, durability: undefined } as object);
  assertEquals(server.storeDescription.startsWith("memory"), true);
});
