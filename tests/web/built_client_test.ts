/**
 * The built client does what the client does: the tests of the client, run with `web/built/client.js` in its place, over Deno's
 * own WebSocket, as in a browser.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { ROOT } from "../support/program.ts";

const DENO_SOCKET = "is about the socket for Deno, which is left out";
const ITS_REASONS = "asks why an attempt failed, which only the socket for Deno knows";
const PARTS = "tests parts of the client, not the client";
const LONG = "takes seconds of each gate, and goes ways that others go";
const TIMES = "has short timeouts, and runs alone";

/** The files of `tests/client/` that are left out, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  "awake_clock_test.ts": PARTS,
  "connect_abort_test.ts": DENO_SOCKET,
  "connect_cut_off_test.ts": ITS_REASONS,
  "connect_failures_test.ts": PARTS,
  "connect_refusals_test.ts": ITS_REASONS,
  "connect_retries_test.ts": ITS_REASONS,
  "deno_frames_test.ts": DENO_SOCKET,
  "deno_socket_close_test.ts": DENO_SOCKET,
  "deno_socket_test.ts": DENO_SOCKET,
  "errors_carry_test.ts": "compares the errors of the client with those of the server",
  "file_descriptors_test.ts": DENO_SOCKET,
  "given_up_test.ts": ITS_REASONS,
  "hostile_server_test.ts": DENO_SOCKET,
  "many_positions_test.ts": LONG,
  "out_of_order_test.ts": LONG,
  "read_positions_test.ts": PARTS,
  "redirects_test.ts": DENO_SOCKET,
  "refused_by_proxies_test.ts": ITS_REASONS,
  "refused_puts_model_test.ts": LONG,
  "resume_slow_networks_test.ts": TIMES,
  "resume_streams_test.ts": "tests the server, with a client of its own",
  "runtimes_test.ts": PARTS,
  "send_window_test.ts": PARTS,
  "time_slice_test.ts": DENO_SOCKET,
};

const href = (path: string) => new URL(path, ROOT).href;

/** The imports of the project, with the built client in the place of `client.ts`, wherever that is imported. */
async function importMap(): Promise<string> {
  const standIns = await Promise.all(deno.links.map(async (folder) => {
    const { name, exports } = JSON.parse(
      await Deno.readTextFile(new URL(`${folder}/deno.json`, ROOT)),
    );
    const modules: [string, string][] = typeof exports === "string"
      ? [[name, exports]]
      : Object.entries<string>(exports).map(([entry, file]) => [name + entry.slice(1), file]);
    return modules.map(([entry, file]) => [entry, href(`${folder}/${file}`)]);
  }));
  const entries = Object.entries(deno.exports)
    .map(([entry, file]) => [deno.name + entry.slice(1), href(file)]);
  const built = href("web/built/client.js");
  return JSON.stringify({
    imports: {
      ...Object.fromEntries([...standIns.flat(), ...entries]),
      [`${deno.name}/client`]: built,
      [href("client.ts")]: built,
    },
    scopes: Object.fromEntries(
      Object.entries(deno.scopes).map(([folder, names]) => [href(folder), names]),
    ),
  });
}

/** Runs test files with the built client. */
async function run(files: readonly string[]): Promise<{ code: number; output: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const [map, lock] = [`${folder}/map.json`, `${folder}/deno.lock`];
    await Deno.writeTextFile(map, await importMap());
    // A copy, since Deno takes out of it what is not in the map.
    await Deno.copyFile(new URL("deno.lock", ROOT), lock);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "-A", "--no-check", "--quiet", "--no-config", `--import-map=${map}`],
        ...[`--lock=${lock}`, "--parallel", "--preload=./tests/support/preload_engine.ts"],
        ...files.map((file) => `tests/client/${file}`),
      ],
      cwd: ROOT,
      env: { NO_COLOR: "1", DENO_JOBS: "2" },
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the built client passes the tests of the client", async () => {
  const all = Array.from(Deno.readDirSync(new URL("tests/client/", ROOT)), ({ name }) => name);
  assertEquals(Object.keys(LEFT_OUT).filter((name) => !all.includes(name)), []);
  const files = all.filter((name) => !(name in LEFT_OUT)).sort();
  const { code, output } = await run(files);
  assertEquals(code, 0, output.slice(-20_000));
  const [, passed] = /^ok \| (\d+) passed/m.exec(output) ?? [];
  assert(Number(passed) > 10 * files.length, output.slice(-200));
});

Deno.test("what these tests test is the built client", async () => {
  // It is the only one that cannot say why an attempt failed.
  const { code, output } = await run(["connect_cut_off_test.ts"]);
  assertEquals(code, 1, output);
});
