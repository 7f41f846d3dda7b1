/**
 * How many files of this project a server of the command line needs to start: Deno reads what is known of each file that
 * it may load (some 0.05 ms), and compiles each that it loads (another 0.1 ms).
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { graph, local } from "../support/module_graph.ts";
import { Program, ROOT } from "../support/program.ts";

/**
 * At most this many files can be loaded by any command; and so many by a server until it has answered a request. (Of these,
 * five are for the log: its events, their lines, what administrators do, and the options and files of `serve`. Metrics are
 * ten of the former, and three of the latter: the counts of a queue, and of a store, and the answer to who asks for them. One
 * is for what the peers of a port share. Traces are four of the former, and two of the latter: whether anybody wants them, and
 * where a request over HTTP is one. The OpenAPI document is four: its schemas, responses, paths, and what puts them together.
 * One of the former is what is said of a topic, for the client.
 * The page is ten: the answer to who asks for its files, what makes these ready, whose such a request is, and what lists them,
 * of both; and they. The list of what a server loads is one, of both, and so are the topics of a grant.
 * The status of a server is three: how it does, the answer to who asks for that, and its part of that document.
 * Who follows a topic is three: how many do, what finds prefixes, and what remembers names that come and go. Lists of topics, and pages of one, are one each, of both.
 * Who works on groups is fifteen, of which the latter have fourteen: who takes jobs, whose turn it is and how long one is, when
 * time passes for leases, what the log says, what groups are called, workers and their requests, the replies to these, and how many streams there are.
 * Groups of workers are six: what a request of them may hold, its decoder, and the sizes of frames, of both; and for the client
 * the fields of replies, the decoder of those of groups, what is said of a group, and the nine files of its workers and calls. In the store they are 27: claims, holders, how these are opened, the list of jobs and its
 * parts, what waits, what is due, why jobs have died, what is left of groups, expired jobs, their rows, and how these are read. What redrives dead jobs is one, of both.
 * The groups that a server is started with are one of both, and how a command names a group is one of the former,
 * as are `work`, what runs its commands, the commands that look after groups, and their tables.
 * Groups over plain HTTP are twelve, and thirteen of the latter with what claims one job: their paths, which group is meant, claims, what becomes
 * of these, dead jobs, the list, bodies of JSON, a message as text, what there is at a path, and three of the document.
 * What is told of groups is three: what reads them and what a server tells of itself, of both, and their metrics.
 * The limits that clients know are one of both: so that browsers need not load the others.
 * Records in replies, lists that are read page by page, and the order of several addresses are one each of the former, for the client.
 * Maps that are renewed are one, for both. Renewals of a lease are one of the former.
 * Of stores that share a log, both have what positions are held against, which connections there are and how all are closed, and what a server does while it is behind, and the options of stores, of a program and of the command line.
 * The store over a log is forty-six of the former, of which thirteen are for NATS: a server loads them only if it is given a log.
 * The rest of what they grew by is plain HTTP: the folder `http/`, and what the transports need to carry bodies and streams, answers without a body, and to drop bodies that nobody
 * wants.)
 */
const MOST = { reached: 546, loaded: 302 };

/** What each server loads besides the file that starts it. */
const ALWAYS = ["server/warm_up.ts", "stores/engines/load_engine.ts", "stores/memory_store.ts"];

/** What a server loads when it is needed, and not before. */
const ON_DEMAND = [
  /^client[/.]/,
  /^testing[/.]/,
  /^cli\/(?!main|commands?\.ts|serve|tokens|files|values|signals|terminal|read_arguments|did_you_mean|where_to_connect)/,
  /^server\/(certificate|token_verifier|jwt_check|jose_package|npm_package|metrics\/|traces|opentelemetry_package|.*keys)\b/,
  /^stores\/(file_|database_|opened_file|wal_|page_gaps|replicated\/)/,
  /^server\/start\/(open_replicated|catch_up_progress)/,
  /^transports\/node/,
];

/** The files that these can load, and so on: all, or only what is loaded with them. */
async function reach(from: readonly string[], which: "all" | "at once"): Promise<string[]> {
  const modules = new Map((await graph("cli.ts")).map((module) => [module.specifier, module]));
  const reached = new Set<string>();
  const add = (specifier: string) => {
    if (reached.has(specifier) || !modules.has(specifier)) return;
    reached.add(specifier);
    for (const { code, isDynamic } of modules.get(specifier)!.dependencies ?? []) {
      if (code?.specifier !== undefined && !(isDynamic && which === "at once")) add(code.specifier);
    }
  };
  for (const file of from) add(new URL(file, ROOT).href);
  return [...reached].map(local);
}

Deno.test("the command line can load no more files than it did: put what is one idea into one file, or raise the number", async () => {
  const reached = await reach(["cli.ts"], "all");
  assert(reached.length > 200, "these are the files of all commands");
  assert(reached.length <= MOST.reached, `${reached.length} files can be loaded`);
});

/** Runs a program, and tells which files it has loaded, by its report of what of them ran. */
async function filesOf(
  args: readonly string[],
  use: (program: Program) => Promise<void> = () => Promise.resolve(),
): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    await using program = new Program(["-A", `--coverage=${folder}`, ...args]);
    await use(program);
    assertEquals((await program.end()).code, 0);
    const urls: string[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      urls.push(JSON.parse(await Deno.readTextFile(`${folder}/${name}`)).url);
    }
    const files = urls.filter((url) => url.startsWith(ROOT.href)).map(local)
      .filter((file) => !file.startsWith("offline/")).sort();
    assert(files.length > 100, "these are the files of a server");
    return files;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a server of the command line to its end, and tells which files it has loaded. */
const filesOfServer = (
  options: readonly string[],
  use: (url: string, program: Program) => Promise<void> = () => Promise.resolve(),
) =>
  filesOf(["cli.ts", "serve", "--port", "0", "--json", ...options], async (program) => {
    await use(JSON.parse((await program.line())!).url, program);
    program.child.kill("SIGTERM");
  });

/** Sends a request by each way in; asks for a file for browsers, too. */
async function request(url: string, token?: string): Promise<void> {
  await using mq = await connect(url, { ...(token !== undefined && { token }), reconnect: false });
  await mq.put("t", "hello");
  assertEquals(await mq.get("t"), "hello");
  const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
  for (const path of ["/health", "/openapi.json", "/topics", "/status", "/page.js"]) {
    const response = await fetch(`${url.replace("ws:", "http:")}${path}`, { headers });
    assertEquals(response.status, 200);
    await response.body?.cancel();
  }
}

let files: Promise<string[]> | undefined;

/** The files of a server that has answered requests. */
const served = () => files ??= filesOfServer([], (url) => request(url));

Deno.test("a server that starts and answers a request loads no more files than it did, and none that it does not need yet", async () => {
  const files = await served();
  assertEquals(files.filter((file) => ON_DEMAND.some((pattern) => pattern.test(file))), []);
  assert(files.length <= MOST.loaded, `${files.length} files are loaded`);
});

Deno.test("what a server answers requests with is loaded before it listens: later Deno may end for want of a file descriptor", async () => {
  const before = await filesOf(["tests/programs/start_and_stop.ts"]);
  const later = (await served()).filter((file) => !before.includes(file));
  assertEquals(later.filter((file) => !/^cli[/.]|^server\/start\/preload/.test(file)), []);
});

Deno.test("so it is on hardened, with a file, metrics, and tokens that are read anew", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tokens = `${folder}/tokens`;
    await Deno.writeTextFile(tokens, "secret-of-a-test\n", { mode: 0o600 });
    const options = [
      "--transport",
      "hardened",
      "--store",
      `sqlite:${folder}/queue.db`,
      "--metrics",
    ];
    const all = [...options, "--token-file", tokens];
    const before = await filesOfServer(all);
    const after = await filesOfServer(all, async (url, program) => {
      await request(url, "secret-of-a-test");
      program.child.kill("SIGHUP");
      while (!(await program.errorLine())!.includes("reloaded")) { /* the next one */ }
      await request(url, "secret-of-a-test");
    });
    assert(before.includes("transports/node.ts"), "these are the files of hardened");
    assertEquals(after.filter((file) => !before.includes(file)), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the files for browsers are no part of what a start loads, but text that a request loads", async () => {
  const importers = (await graph("cli.ts")).flatMap(({ specifier, dependencies = [] }) =>
    dependencies.filter(({ specifier: name }) => name.includes("built/"))
      .map(({ isDynamic }) => [local(specifier), isDynamic])
  );
  assertEquals(importers, Array.from({ length: 6 }, () => ["web/files.ts", true]));
  const text = await Deno.readTextFile(new URL("web/files.ts", ROOT));
  const imports = text.match(/import\(.*?\)/g)!;
  assertEquals(imports.filter((one) => !one.endsWith('{ with: { type: "text" } })')), []);
  assertEquals(imports.length, 6);
});

Deno.test("server/start/preload.ts lists what each server loads", async () => {
  const roots = ["server/start/start.ts", ...ALWAYS];
  const always = await reach(roots, "at once");
  const loaded = (await served()).filter((file) => always.includes(file));
  const preload = (await graph("server/start/preload.ts"))
    .find(({ specifier }) => local(specifier) === "server/start/preload.ts");
  const listed = preload!.dependencies!.map(({ code }) => local(code!.specifier!));
  assertEquals(listed.toSorted(), loaded);
});
