/**
 * The first start with `@db/sqlite` and later ones, whatever state its registry and its library are in.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { JsrRegistry } from "../support/jsr_registry.ts";
import { Program } from "../support/program.ts";

const FAILED = "uses node:sqlite because @db/sqlite cannot be used: ";

interface Started {
  readonly engines: string[];
  readonly warnings: string[];
  readonly ms: number;
}

/**
 * Starts a program that loads the engine, waits until it ends by itself, and returns what it printed. Whatever library
 * the developer uses, the program is told of none, unless a test names one.
 */
async function start(
  registry: JsrRegistry,
  cache: string,
  args = ["-A"],
  program = "tests/programs/engine_start.ts",
  library?: string,
): Promise<Started> {
  // Without the project's configuration, which replaces the package with a stand-in.
  await using process = new Program([
    ...args,
    ...args.includes("--frozen") ? [] : ["--no-lock"],
    "--no-config",
    program,
  ], {
    JSR_URL: registry.url,
    DENO_DIR: cache,
    DENO_SQLITE_PATH: library,
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

Deno.test("of several simultaneous first starts, one tries @db/sqlite and all use it; later starts contact no registry", async () => {
  await withRegistry(async (registry, cache) => {
    const all = await Promise.all([1, 2, 3].map(() => start(registry, cache("c"))));
    for (const { engines, warnings } of all) {
      assertEquals([engines, warnings], [["@db/sqlite"], []]);
    }
    assertEquals(registry.requestCounts.library, 1);

    // The last one may not start a process: it needs none.
    const { all: before } = registry.requestCounts;
    const permissions = ["ffi", "read", "write", "env", "net"].map((name) => `--allow-${name}`);
    const later = await start(registry, cache("c"), permissions);
    assertEquals([later.engines, later.warnings], [["@db/sqlite"], []]);
    assertEquals(registry.requestCounts.all, before);

    // Truncated, as by a full disk.
    await Deno.truncate(libraryIn(cache("c")), 4);
    const healed = await start(registry, cache("c"));
    assertEquals([healed.engines, healed.warnings], [["@db/sqlite"], []]);
    assertEquals(registry.requestCounts.library, 2);
    assertEquals(await Deno.readTextFile(libraryIn(cache("c"))), "a library");
  });
});

Deno.test("workers that load @db/sqlite at once share one trial, and do not change the program's environment", async () => {
  await withRegistry(async (registry, cache) => {
    const program = "tests/programs/engine_workers.ts";
    for (const [name, library] of [["unset", undefined], ["empty", ""]] as const) {
      const { library: before } = registry.requestCounts;
      for (const state of ["cold", "warm"]) {
        const { engines, warnings } = await start(registry, cache(name), ["-A"], program, library);
        assertEquals([engines, warnings], [["@db/sqlite"], []], `${name}, ${state}`);
      }
      assertEquals(registry.requestCounts.library, before + 1, name);
    }
  });
});

Deno.test("DENO_SQLITE_PATH names the library; if it is unset or empty, all share the one that was fetched once", async () => {
  await withRegistry(async (registry, cache) => {
    const own = cache("own.so");
    await Deno.writeTextFile(own, "a library");
    for (const [library, fetched] of [[own, 0], [undefined, 1], ["", 1], [own, 1]] as const) {
      const { engines, warnings } = await start(registry, cache("n"), ["-A"], undefined, library);
      assertEquals([engines, warnings], [["@db/sqlite"], []], `${library}`);
      assertEquals(registry.requestCounts.library, fetched, `${library}`);
    }
    for (const library of ["", undefined]) {
      const { engines } = await start(registry, cache("m"), ["-A"], undefined, library);
      assertEquals([engines, registry.requestCounts.library], [["@db/sqlite"], 2], `${library}`);
    }
  });
});

Deno.test("a start that is aborted does not wait for @db/sqlite, however long that takes", async () => {
  await withRegistry(async (registry, cache) => {
    registry.hangs = true;
    const program = "tests/programs/engine_stopped.ts";
    const { engines, ms } = await start(registry, cache("s"), ["-A"], program);
    assertEquals(engines, ["stopped before", "stopped"]);
    assert(ms < 2000, `${ms} ms`);
  });
});

Deno.test("two versions of Deno or of the package that share a cache do not touch each other's library", async () => {
  await withRegistry(async (registry, cache) => {
    await start(registry, cache("v"));
    const folder = `${cache("v")}/dsmq/${Deno.build.target}`;
    const records = () => [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith("json"));
    const [{ name }] = records() as [Deno.DirEntry];
    // Also a library of another user, who filled the cache for everyone.
    assertEquals(Deno.statSync(`${folder}/${name}`).mode! & 0o777, 0o666 & ~Deno.umask());
    await Deno.rename(`${folder}/${name}`, `${folder}/${name.replace(Deno.version.deno, "2.9.0")}`);
    await start(registry, cache("v"));
    assertEquals(records().length, 2);
  });
});

Deno.test("a program with a frozen lock file uses node:sqlite, and leaves the library for others", async () => {
  await withRegistry(async (registry, cache) => {
    await start(registry, cache("l"));
    const lock = cache("deno.lock");
    await Deno.writeTextFile(lock, '{"version":"5"}');
    const frozen = await start(registry, cache("l"), ["-A", `--lock=${lock}`, "--frozen"]);
    assertEquals(frozen.engines, ["node:sqlite"]);
    assertStringIncludes(frozen.warnings[0]!, `${FAILED}The lockfile is out of date`);
    const { engines } = await start(registry, cache("l"));
    assertEquals([engines, registry.requestCounts.library], [["@db/sqlite"], 1]);
  });
});

Deno.test("a permission with exceptions does not count for @db/sqlite: node:sqlite is used, and nothing is tried", async () => {
  await withRegistry(async (registry, cache) => {
    const args = ["-A", "--deny-env=JSR_URL"];
    const { engines, warnings } = await start(registry, cache("x"), args);
    assertEquals([engines, warnings, registry.requestCounts.all], [["node:sqlite"], [], 0]);
  });
});

Deno.test("if @db/sqlite cannot be used, a start uses node:sqlite within 2 s, says once why, and ends", async () => {
  await using silent = await JsrRegistry.open();
  silent.hangs = true;
  await using empty = await JsrRegistry.open();
  empty.library = undefined;
  await withRegistry(async (registry, cache) => {
    // Used before; then Deno's modules were removed.
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
    const expected = (reason: string) => [FAILED + reason];
    assertEquals(late.warnings, expected("it did not load within 2 s"));
    assertEquals(cleared.warnings, late.warnings);
    assertEquals(missing.warnings, expected("Could not find the library"));
    assertEquals(crashed.warnings, expected("SIGABRT ended the process that tried it"));
    assert(unusable.warnings[0]?.startsWith(`${FAILED}Not a directory`), unusable.warnings[0]);
    assertEquals(
      alone.warnings,
      expected("its library is not in the cache, and to fetch it needs --allow-run, too (or -A)"),
    );
    for (const { engines, warnings, ms } of [late, cleared, missing, crashed, unusable, alone]) {
      assertEquals([engines, warnings.length], [["node:sqlite"], 1]);
      assert(ms < 4000, `${ms} ms`);
    }
  });
});
