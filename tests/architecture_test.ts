import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { Program, ROOT } from "./support/program.ts";

/** Which room may import from which; a room may always import from itself. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  "protocol/": [],
  "budgets/": ["protocol/"],
  "client/": ["protocol/"],
  "client.ts": ["client/", "protocol/"],
  "auth/": ["protocol/"],
  "stores/": ["protocol/", "budgets/after_network_poll.ts", "queue/clock.ts", "deno.json"],
  "queue/": ["protocol/", "budgets/", "stores/store.ts", "transports/peer.ts"],
  "connection/": [
    "protocol/",
    "budgets/",
    "auth/",
    "queue/",
    "stores/store.ts",
    "transports/peer.ts",
  ],
  "transports/": ["protocol/", "budgets/", "deno.json"],
  "server/": [
    "protocol/",
    "budgets/",
    "auth/",
    "queue/",
    "connection/",
    "transports/transport.ts",
    "transports/peer.ts",
    "deno.json",
  ],
  "server.ts": [
    "protocol/",
    "budgets/",
    "auth/",
    "queue/",
    "connection/",
    "server/",
    "stores/",
    "transports/",
  ],
  "cli/": [
    "client.ts",
    "client/addresses.ts",
    "client/awake_clock.ts",
    "server.ts",
    "server/certificate.ts",
    "server/stderr.ts",
    "protocol/",
  ],
  "cli.ts": ["cli/", "server.ts"],
  "mod.ts": ["client.ts", "server.ts", "cli.ts"],
};

/** What comes from outside, and who may use it. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  "node:crypto": ["server/"],
  "node:sqlite": ["stores/"],
  "node:timers": ["stores/"],
  "node:http": ["transports/"],
  "node:https": ["transports/"],
  "node:v8": ["server/"],
  "node:net": ["transports/"],
};

interface Dependency {
  readonly specifier: string;
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
  readonly isDynamic?: boolean;
}

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly Dependency[];
}

async function graph(file: string): Promise<readonly Module[]> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", file],
    cwd: ROOT,
    stderr: "inherit",
  });
  const { stdout } = await command.output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: Module[] };
  return modules.filter(({ specifier }) =>
    specifier.startsWith(ROOT.href) && !local(specifier).startsWith("offline/")
  );
}

function local(specifier: string): string {
  return specifier.slice(ROOT.href.length);
}

function folderOf(file: string): string {
  return Object.keys(ARROWS).find((name) => file.startsWith(name)) ?? "";
}

Deno.test("rooms import only from the rooms that the design allows", async () => {
  const modules = await graph("mod.ts");
  assert(modules.length > 30, "the graph holds the whole house");
  const forbidden: string[] = [];
  for (const { specifier, dependencies = [] } of modules) {
    const from = local(specifier);
    if (from === "deno.json") continue;
    assertNotEquals(folderOf(from), "", `${from} is in no room`);
    for (const { specifier: name, code, type } of dependencies) {
      const target = code?.specifier ?? type?.specifier ?? name;
      const inside = target.startsWith(ROOT.href) && !local(target).startsWith("offline/");
      const allowed = inside
        ? folderOf(local(target)) === folderOf(from) ||
          ARROWS[folderOf(from)]!.some((to) => local(target).startsWith(to))
        : OUTSIDE[name]?.includes(folderOf(from));
      if (!allowed) forbidden.push(`${from} → ${inside ? local(target) : name}`);
    }
  }
  assertEquals(forbidden, []);
});

Deno.test("the client loads nothing but itself and the protocol", async () => {
  const files = (await graph("client.ts")).map(({ specifier }) => local(specifier));
  assertEquals(files.filter((file) => !/^(client|protocol)[/.]/.test(file)), []);
});

Deno.test("what mod.ts loads at once needs neither Deno nor SQLite", async () => {
  const modules = new Map((await graph("mod.ts")).map((module) => [module.specifier, module]));
  const loaded = new Set<string>();
  const load = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    for (const { specifier: name, code, isDynamic } of modules.get(specifier)?.dependencies ?? []) {
      if (!isDynamic && code) load(code.specifier ?? name);
    }
  };
  load(new URL("mod.ts", ROOT).href);
  const outside = [...loaded].filter((specifier) => !specifier.startsWith(ROOT.href));
  assertEquals(outside, []);
  assertEquals(
    [...loaded].map(local).filter((file) =>
      /^(stores\/(?!store\.ts)|transports\/deno|cli[/.])/.test(file)
    ),
    [],
  );
});

Deno.test("mod.ts can be imported where there is no Deno, and what is missing is said in a sentence", async () => {
  const script = `
    const { log } = console;
    delete globalThis.Deno;
    const { connect, serve } = await import(${JSON.stringify(new URL("mod.ts", ROOT).href)});
    const failed = (call) => call().then(() => "nothing", (error) => error.message);
    log(typeof connect, typeof serve);
    log(await failed(serve));
    delete globalThis.WebSocket;
    log(await failed(connect));
    delete String.prototype.isWellFormed;
    log(await failed(connect));
  `;
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(file, script);
    await using program = new Program(["--no-prompt", "--allow-import", "--allow-read", file]);
    const { code, stdout, stderr } = await program.end();
    assertEquals([code, stderr], [0, ""]);
    const [types, serve, connect, old] = stdout.split("\n");
    assertEquals(types, "function function");
    assertStringIncludes(serve!, "Cannot serve: a server needs Deno");
    assertStringIncludes(
      connect!,
      "Cannot connect: there is no WebSocket here, as in Node before 22",
    );
    assertStringIncludes(old!, "the client needs Safari 16.4, Chrome 111, Firefox 119, Node 20,");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("the client type-checks against a browser's library, and would not with a word of Deno in it", async () => {
  const check = async (file: string) => {
    const args = ["check", "--quiet", "--config", "tests/browser/deno.json", file];
    const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } });
    const { code, stderr } = await command.output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  };
  assertEquals(await check("client.ts"), { code: 0, stderr: "" });
  const server = await check("transports/deno.ts");
  assertEquals(server.code, 1);
  assertStringIncludes(server.stderr, "Cannot find name 'Deno'");
});

const { imports, lock, scopes, tasks, publish } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
);

Deno.test("what is published has no stand-ins, and is loaded without them", async () => {
  for (const folder of ["offline", "tests", "bench"]) {
    assert(publish.exclude.includes(folder), folder);
  }
  const files = [...await graph("mod.ts"), ...await graph("client.ts")];
  const outside = files.map(({ specifier }) => specifier).filter((specifier) =>
    !specifier.startsWith("node:") &&
    (!specifier.startsWith(ROOT.href) || publish.exclude.includes(local(specifier).split("/")[0]))
  );
  assertEquals(outside, []);
});

Deno.test("who only wants to see the demo is not made to fetch what tests and benchmarks use", () => {
  assertEquals(Object.values<string>(imports).filter((name) => !name.startsWith("jsr:")), []);
  // Before any task, and any program that may use one of them, Deno fetches all that a lock file lists.
  assertEquals(lock, false);
});

Deno.test("a binary can be compiled, up to the base that is downloaded for it", async () => {
  const dir = await Deno.makeTempDir();
  try {
    // In place of that base stands Deno itself: what comes out is whole, but does not run.
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        "compile",
        "--exclude-unused-npm",
        "--allow-net",
        "--no-prompt",
        // It is imported under a name that cannot be read off.
        ...["--include", scopes["./"].ws],
        "--output",
        `${dir}/dsmq`,
        "cli.ts",
      ],
      cwd: ROOT,
      env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await command.output();
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, output);
    // What is imported dynamically is in it, too.
    for (const part of ["stores/", "node.ts", "ws/", "deno.json"]) {
      assertStringIncludes(output, part);
    }
    assertStringIncludes(tasks.compile.command, ` --include ${scopes["./"].ws} `);
    assert((await Deno.stat(`${dir}/dsmq`)).size > 10_000_000);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

/** Where a bare map or set has names or numbers as keys, and why no stranger can choose many of them. */
const BARE_KEYS: Readonly<Record<string, string>> = {
  "budgets/budget.ts": "its keys are made by nameKey",
  "cli/connect.ts": "what is told to a person, each beginning with a code",
  "cli/read.ts": "codes of errors",
  "cli/signals.ts": "signals",
  "client/request_table.ts": "ids that this client counts up",
  "client/dial_server.ts": "addresses that the caller named",
  "client/deno/handshake.ts": "statuses that this code lists",
  "client/isolation.ts": "close codes that this code lists",
  "client/handshake.ts": "codes that this code lists",
  "client/send_window.ts": "ids that this client counts up",
  "auth/allowed_origins.ts": "origins that the operator named",
  "protocol/request_frame.ts": "actions that this code lists",
  "protocol/name_map.ts": "its keys are made by nameKey",
  "connection/error_rate_limit.ts": "codes of errors",
  "queue/queue.ts": "its keys are made by nameKey",
  "connection/dispatcher.ts": "actions that this code lists",
  "server/log.ts": "sentences of this code",
  "server/connection_limiter.ts": "addresses, which look like no number",
  "stores/engine.ts": "what SQLite says",
  "stores/large_rows.ts": "numbers that the store counts up, of which few are kept",
  "stores/seq_range.ts": "numbers that the store counts up, of which few are kept",
  "stores/segment_table.ts": "numbers of topics that the table counts up, and few at a time",
  "transports/node_http.ts": "headers that this code lists",
};

/** The rooms whose maps have keys from outside. */
const PRODUCT = /^(auth|budgets|cli|client|connection|protocol|queue|server|stores|transports)[/.]/;

Deno.test("no map has names or numbers from outside as they are for its keys", async () => {
  const files = (await graph("mod.ts")).map(({ specifier }) => local(specifier));
  assert(files.length > 30, "the graph holds the whole house");
  const bare: string[] = [];
  for (const file of files.filter((file) => PRODUCT.test(file) && !(file in BARE_KEYS))) {
    const source = await Deno.readTextFile(new URL(file, ROOT));
    // Keys of a named type are objects, which V8 gives a hash by lot.
    const found = source.matchAll(/\b(new (Map|Set|WeakMap)\b(?!<[A-Z])|(Map|Object)\.groupBy).*/g);
    for (const [line] of found) bare.push(`${file}: ${line}`);
  }
  assertEquals(bare, []);
});
