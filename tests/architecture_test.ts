import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { graph, local } from "./support/module_graph.ts";
import { ROOT } from "./support/program.ts";

/** Which folder may import from which; a folder may always import from itself. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  "protocol/": [],
  "budgets/": ["protocol/"],
  "client/": ["protocol/"],
  "client.ts": ["client/", "protocol/"],
  "auth/": ["protocol/"],
  "stores/": [
    "protocol/",
    "budgets/after_network_poll.ts",
    "queue/clock.ts",
    "server/npm_package.ts",
    "deno.json",
  ],
  "queue/": [
    "protocol/",
    "budgets/",
    "stores/store.ts",
    "stores/groups/group_commands.ts",
    "transports/peer.ts",
  ],
  "connection/": [
    "protocol/",
    "budgets/",
    "auth/",
    "queue/",
    "stores/store.ts",
    "stores/groups/group_commands.ts",
    "transports/peer.ts",
  ],
  "transports/": ["protocol/", "budgets/", "deno.json"],
  "http/": [
    "protocol/",
    "budgets/",
    "auth/",
    "queue/",
    "connection/",
    "stores/store.ts",
    "stores/groups/group_commands.ts",
    "transports/slow_peer_monitor.ts",
    "transports/drop_body.ts",
    "web/files.ts",
  ],
  // Text for browsers; its page and its build are no part of the server.
  "web/": [],
  // Lists what a server loads, wherever it is.
  "server/start/preload.ts": [
    ...["auth/", "budgets/", "connection/", "http/", "protocol/", "queue/", "server/", "stores/"],
    ...["transports/", "web/files.ts"],
  ],
  // Puts a server together, from all of these.
  "server/start/": [
    "protocol/",
    "auth/",
    "http/",
    "queue/",
    "server/",
    "stores/",
    "transports/",
  ],
  "server/": [
    "protocol/",
    "budgets/",
    "auth/",
    "queue/",
    "connection/",
    "http/",
    "transports/transport.ts",
    "transports/peer.ts",
    "deno.json",
  ],
  "server.ts": ["protocol/", "auth/", "queue/", "server/"],
  "cli/": [
    "client.ts",
    "client/addresses.ts",
    "client/awake_clock.ts",
    "server.ts",
    "server/start/",
    "server/stderr.ts",
    "stores/backup_file.ts",
    "server/jose_package.ts",
    "server/public_keys.ts",
    "protocol/",
  ],
  "cli.ts": ["cli/", "server.ts"],
  "fetch.ts": ["server/api.ts", "server/start/create_handler.ts"],
  "mod.ts": ["client.ts", "server.ts", "cli.ts"],
  // Published for tests, so it must stand without this project's own; nothing else loads it.
  "testing/": [
    "protocol/",
    "client/addresses.ts",
    "client/require_options.ts",
    "stores/store.ts",
    "stores/store_limits.ts",
    "stores/groups/group_commands.ts",
    "queue/clock.ts",
  ],
  "testing.ts": [
    "testing/",
    "client/addresses.ts",
    "protocol/",
    "queue/clock.ts",
    "stores/store.ts",
    "stores/store_limits.ts",
    "stores/groups/group_commands.ts",
  ],
};

/** What comes from outside, and who may use it. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  "node:crypto": ["server/", "stores/"],
  "node:sqlite": ["stores/"],
  "node:http": ["transports/"],
  "node:https": ["transports/"],
  "node:v8": ["server/"],
  "node:net": ["transports/"],
  "node:process": ["server/"],
  "node:worker_threads": ["server/start/"],
  "node:assert/strict": ["testing/"],
};

/** All modules that the exports of the package load. */
async function everyEntry() {
  return (await Promise.all(["mod.ts", "fetch.ts", "testing.ts"].map(graph))).flat();
}

function folderOf(file: string): string {
  return Object.keys(ARROWS).find((name) => file.startsWith(name)) ?? "";
}

Deno.test("folders import only from the folders that the design allows", async () => {
  const modules = await everyEntry();
  assert(modules.length > 30, "the graph holds the whole product");
  const forbidden: string[] = [];
  for (const { specifier, dependencies = [] } of modules) {
    const from = local(specifier);
    if (from === "deno.json") continue;
    assertNotEquals(folderOf(from), "", `${from} is in no folder`);
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

/** The circles of imports, types included, of a graph (Tarjan's strongly connected components). */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    order.set(file, order.size);
    stack.push(file);
    let low = order.get(file)!;
    for (const next of graph.get(file) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (stack.includes(next)) low = Math.min(low, order.get(next)!);
    }
    lowest.set(file, low);
    if (low === order.get(file)) {
      const circle = stack.splice(stack.indexOf(file));
      if (circle.length > 1) found.push(circle);
    }
    return low;
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return found;
}

Deno.test("no files import each other in a circle", async () => {
  const modules = await everyEntry();
  const imports = new Map(modules.map(({ specifier, dependencies = [] }) => [
    local(specifier),
    dependencies.flatMap(({ code, type }) => [code?.specifier, type?.specifier])
      .filter((target) => target?.startsWith(ROOT.href)).map((target) => local(target!)),
  ]));
  assertEquals(circles(imports), []);
  // What would be found if there were one.
  assertEquals(circles(new Map([["a", ["b"]], ["b", ["c", "d"]], ["c", ["a"]], ["d", []]])), [
    ["a", "b", "c"],
  ]);
});

/** Where a bare map or set has names or numbers as keys, and why no peer can choose many of them. */
const BARE_KEYS: Readonly<Record<string, string>> = {
  "budgets/budget.ts": "its keys are made by nameKey",
  "cli/connect.ts": "what is told to a person, each beginning with a code",
  "cli/read.ts": "codes of errors",
  "cli/signals.ts": "signals",
  "client/request_table.ts": "ids that this client counts up",
  "client/connect_failures.ts": "addresses that the caller named",
  "client/deno/handshake.ts": "statuses that this code lists",
  "client/isolation.ts": "close codes that this code lists",
  "client/handshake.ts": "codes that this code lists",
  "client/send_window.ts": "ids that this client counts up",
  "auth/allowed_origins.ts": "origins that the operator named",
  "protocol/request_frame.ts": "actions that this code lists",
  "protocol/name_map.ts": "its keys are made by nameKey",
  "protocol/renewed_map.ts": "numbers that this code counts up, or hashes with a secret seed",
  "connection/error_rate_limit.ts": "codes of errors",
  "connection/job_streams.ts": "claims, which the store counts up",
  "queue/groups.ts": "objects",
  "queue/queue.ts": "its keys are made by nameKey",
  "connection/dispatcher.ts": "actions that this code lists",
  "http/served_files.ts": "paths that this code lists",
  "http/put_lines.ts": "members that this code lists",
  "http/query.ts": "names that this code lists",
  "server/log.ts": "names of events, which this code lists",
  "server/connection_limiter.ts": "addresses, which look like no number",
  "stores/database_pages.ts": "numbers of pages, which SQLite counts up",
  "stores/file_mark.ts": "marks that this code makes, of which few are kept",
  "stores/free_list.ts": "numbers of pages, which SQLite counts up",
  "stores/engine.ts": "what SQLite says",
  "stores/groups/group_jobs.ts": "numbers of messages, and claims, which the store counts up",
  "stores/groups/group_registry.ts": "its keys begin with a word",
  "stores/groups/group_rows.ts":
    "numbers of groups, messages and claims, which the store counts up",
  "stores/groups/group_state.ts": "objects, and keys that begin with a word",
  "stores/groups/holder.ts": "objects",
  "stores/groups/job_keeper.ts": "numbers of messages, which the store counts up",
  "stores/groups/key_queues.ts": "hashes with a secret seed",
  "stores/groups/load_groups.ts": "numbers of groups, which the store counts up",
  "stores/groups/lost_claims.ts": "claims, which the store counts up",
  "stores/groups/work_group.ts": "numbers of messages, which the store counts up",
  "stores/large_rows.ts": "numbers that the store counts up, of which few are kept",
  "stores/page_gaps.ts": "numbers of pages, which SQLite counts up",
  "stores/row_chunk.ts": "ids that the store counts up, of which few are kept",
  "stores/seq_range.ts": "numbers that the store counts up, of which few are kept",
  "stores/replicated/chain_history.ts": "random names of servers of the log",
  "stores/replicated/log_writers.ts": "random names of servers of the log",
  "stores/replicated/replica_keeper.ts": "digests",
  "stores/replicated/nats/nats_errors.ts": "numbers that this code lists",
  "stores/replicated/nats/nats_failover.ts": "addresses, few of which are tried",
  "stores/replicated/nats/nats_publisher.ts": "numbers that this code counts up",
  "stores/replicated/nats/nats_servers.ts": "addresses, few of which are looked at",
  "stores/segment_table.ts": "numbers of topics that the table counts up, and few at a time",
  "stores/segment_sizes.ts": "ids that the store counts up, while it opens",
  // To have n of them in one bucket takes n puts for each of all the buckets.
  "stores/topic_table.ts": "numbers of messages, which the store counts up",
  "stores/wal_file.ts": "numbers of pages, which SQLite counts up",
  "transports/node_http_request.ts": "headers and methods that this code lists",
};

/** The folders whose maps have keys from outside. */
const PRODUCT =
  /^(auth|budgets|cli|client|connection|http|protocol|queue|server|stores|transports)[/.]/;

Deno.test("no map has names or numbers from outside as they are for its keys", async () => {
  const files = (await graph("mod.ts")).map(({ specifier }) => local(specifier));
  assert(files.length > 30, "the graph holds the whole product");
  const bare: string[] = [];
  for (const file of files.filter((file) => PRODUCT.test(file) && !(file in BARE_KEYS))) {
    const source = await Deno.readTextFile(new URL(file, ROOT));
    // Keys of a named type are objects, which V8 hashes at random.
    const found = source.matchAll(/\b(new (Map|Set|WeakMap)\b(?!<[A-Z])|(Map|Object)\.groupBy).*/g);
    for (const [line] of found) bare.push(`${file}: ${line}`);
  }
  assertEquals(bare, []);
});
