/**
 * How many files of this project a server of the command line needs to start: Deno reads what is known of each file that
 * it may load (some 0.05 ms), and compiles each that it loads (another 0.1 ms).
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { graph, local } from "../support/module_graph.ts";
import { Program, ROOT } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";

/**
 * At most this many files can be loaded by any command; and so many by a server until it has answered a request. (Of these,
 * five are for the log: its events, their lines, what administrators do, and the options and files of `serve`. Metrics are
 * ten of the former, and three of the latter: the counts of a queue, and of a store, and the answer to who asks for them. One
 * is for what the peers of a port share. Traces are four of the former, and two of the latter: whether anybody wants them, and
 * where a request over HTTP is one. The OpenAPI document is four: its schemas, responses, paths, and what puts them together.
 * One of the former is what is said of a topic, for the client.
 * The page is ten: the answer to who asks for its files, what makes these ready, and whose such a request is, of the latter one, too; what lists them; and they.
 * The status of a server is three: how it does, the answer to who asks for that, and its part of that document.
 * Who follows a topic is three: how many do, what finds prefixes, and what remembers names that come and go. Lists of topics, and pages of one, are one each, of both.
 * The rest of what they grew by is plain HTTP: the folder `http/`, which is loaded 50 ms after the start, or for the first
 * request, and what the transports need to carry bodies and streams, answers without a body, and to drop bodies that nobody
 * wants.)
 */
const MOST = { reached: 399, loaded: 226 };

/** What a server loads when it is needed, and not before. */
const ON_DEMAND = [
  /^client[/.]/,
  /^testing[/.]/,
  /^cli\/(?!main|commands?\.ts|serve|tokens|files|values|signals|terminal|read_arguments|did_you_mean|where_to_connect)/,
  /^server\/(certificate|token_verifier|jwt_check|jose_package|npm_package|metrics\/|traces|opentelemetry_package|.*keys)\b/,
  /^stores\/(file_|database_|opened_file|wal_|page_gaps)/,
  /^transports\/node/,
  /^web\//,
];

Deno.test("the command line can load no more files than it did: put what is one idea into one file, or raise the number", async () => {
  const modules = new Map((await graph("cli.ts")).map((module) => [module.specifier, module]));
  const reached = new Set<string>();
  const reach = (specifier: string) => {
    if (reached.has(specifier) || !modules.has(specifier)) return;
    reached.add(specifier);
    for (const { code } of modules.get(specifier)!.dependencies ?? []) {
      if (code?.specifier !== undefined) reach(code.specifier);
    }
  };
  reach(new URL("cli.ts", ROOT).href);
  assert(reached.size > 200, "these are the files of all commands");
  assert(reached.size <= MOST.reached, `${reached.size} files can be loaded`);
});

/** The files that a process has loaded, by its report of what of them ran. */
async function loaded(folder: string): Promise<string[]> {
  const urls: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    urls.push(JSON.parse(await Deno.readTextFile(`${folder}/${name}`)).url);
  }
  return urls.filter((url) => url.startsWith(ROOT.href)).map(local)
    .filter((file) => !file.startsWith("offline/")).sort();
}

Deno.test("a server that starts and answers a request loads no more files than it did, and none that it does not need yet", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const args = ["-A", `--coverage=${folder}`, "cli.ts", "serve", "--port", "0", "--json"];
    await using program = new Program(args);
    const { url }: { url: string } = JSON.parse((await program.line())!);
    {
      await using client = await RawClient.open(url);
      assertEquals((await client.request({ action: "get", id: 1, topic: "t" })).id, 1);
    }
    program.child.kill("SIGTERM");
    assertEquals((await program.end()).code, 0);
    const files = await loaded(folder);
    assert(files.length > 100, "these are the files of a server");
    assertEquals(files.filter((file) => ON_DEMAND.some((pattern) => pattern.test(file))), []);
    assert(files.length <= MOST.loaded, `${files.length} files are loaded`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what answers plain HTTP is not loaded before a server listens", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const args = ["-A", `--coverage=${folder}`, "tests/programs/start_and_stop.ts"];
    await using program = new Program(args);
    assertEquals((await program.end()).code, 0);
    const files = await loaded(folder);
    assert(files.includes("server/http_service.ts"), "these are the files of a server");
    assertEquals(files.filter((file) => /^http\/(?!page_paths|problem)/.test(file)), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
