/**
 * The first start with `@db/sqlite`, and the later ones, whatever its registry and its library are like.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { JsrRegistry } from "./support/jsr_registry.ts";
import { Program } from "./support/program.ts";

const FAILED = "uses node:sqlite, for @db/sqlite cannot be used: ";

interface Started {
  readonly engines: string[];
  readonly warnings: string[];
  readonly ms: number;
}

/** Starts a program that loads the engine, waits until it ends by itself, and gives what it printed. */
async function start(registry: JsrRegistry, cache: string, args = ["-A"]): Promise<Started> {
  // Without the project's configuration, which puts a stand-in in the place of the package.
  const program = "tests/programs/engine_start.ts";
  await using process = new Program([...args, "--no-config", "--no-lock", program], {
    JSR_URL: registry.url,
    DENO_DIR: cache,
  });
  const { code, stdout, stderr } = await process.end();
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

async function withRegistry(
  work: (registry: JsrRegistry, cache: (name: string) => string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using registry = await JsrRegistry.open();
    await work(registry, (name) => `${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function libraryIn(cache: string): string {
  const folder = `${cache}/dsmq/${Deno.build.target}`;
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  assertEquals(names.filter((name) => name.startsWith("trial-")), []);
  return `${folder}/${names.find((name) => name.startsWith("sqlite3-"))}`;
}

Deno.test("of first starts at once one tries @db/sqlite and all use it, later ones without asking anybody", async () => {
  await withRegistry(async (registry, cache) => {
    const all = await Promise.all([1, 2, 3].map(() => start(registry, cache("c"))));
    for (const { engines, warnings } of all) {
      assertEquals([engines, warnings], [["@db/sqlite"], []]);
    }
    assertEquals(registry.asked.library, 1);

    // No process may be started by the last one: it needs none.
    const { all: before } = registry.asked;
    const permissions = ["ffi", "read", "write", "env", "net"].map((name) => `--allow-${name}`);
    const later = await start(registry, cache("c"), permissions);
    assertEquals([later.engines, later.warnings], [["@db/sqlite"], []]);
    assertEquals(registry.asked.all, before);

    // Cut off, as by a full disk.
    await Deno.truncate(libraryIn(cache("c")), 4);
    const healed = await start(registry, cache("c"));
    assertEquals([healed.engines, healed.warnings], [["@db/sqlite"], []]);
    assertEquals(registry.asked.library, 2);
    assertEquals(await Deno.readTextFile(libraryIn(cache("c"))), "a library");
  });
});

Deno.test("where @db/sqlite cannot be used a start takes node:sqlite within 2 s, says once why, and ends", async () => {
  await using silent = await JsrRegistry.open();
  silent.hangs = true;
  await using empty = await JsrRegistry.open();
  empty.library = undefined;
  await withRegistry(async (registry, cache) => {
    // Used before, and then Deno's modules were cleared away.
    await start(registry, cache("f"));
    await Deno.remove(`${cache("f")}/remote`, { recursive: true });
    registry.library = "a libr";
    await Deno.mkdir(cache("d"));
    await Deno.writeTextFile(`${cache("d")}/dsmq`, "no folder");
    const permissions = ["ffi", "read", "write", "env", "net"].map((name) => `--allow-${name}`);
    const [late, cleared, missing, crashed, unusable, alone] = await Promise.all([
      start(silent, cache("a")),
      start(silent, cache("f")),
      start(empty, cache("b")),
      start(registry, cache("c")),
      start(registry, cache("d")),
      start(registry, cache("e"), permissions),
    ]);
    const says = (reason: string) => [FAILED + reason];
    assertEquals(late.warnings, says("it did not load within 2 s"));
    assertEquals(cleared.warnings, late.warnings);
    assertEquals(missing.warnings, says("Could not find the library"));
    assertEquals(crashed.warnings, says("SIGABRT ended the process that tried it"));
    assert(unusable.warnings[0]?.startsWith(`${FAILED}Not a directory`), unusable.warnings[0]);
    assertEquals(
      alone.warnings,
      says("its library is not in the cache, and to fetch it takes --allow-run too (or -A)"),
    );
    for (const { engines, warnings, ms } of [late, cleared, missing, crashed, unusable, alone]) {
      assertEquals([engines, warnings.length], [["node:sqlite"], 1]);
      assert(ms < 4000, `${ms} ms`);
    }
  });
});
