/**
 * Compiles a server binary that needs nothing else. Run it with `deno task compile`.
 *
 *     deno run -A tools/compile.ts [OUTPUT] [--verbose]
 *
 * @module
 */

import deno from "../deno.json" with { type: "json" };

/** What is imported under a computed name, so that `deno compile` does not find it. */
const { ws, jose, "prom-client": promClient, "@opentelemetry/api": openTelemetry, ...scope } =
  deno.scopes["./"];
const nats = scope["@nats-io/transport-node"];
const NATS = [
  nats,
  `${nats}/lib/node_transport.js`,
  scope["@nats-io/jetstream"],
  scope["@nats-io/obj"],
];
const INCLUDED = ["cli/bench_server.ts", ws, jose, promClient, openTelemetry, ...NATS];

/** What a server needs, and what `npm:ws` reads. */
const PERMISSIONS = ["--allow-net", "--allow-env=WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE"];

const ROOT = new URL("..", import.meta.url);
const args = Deno.args.filter((arg) => arg !== "--verbose");
const [output = "dist/dsmq"] = args;

async function run(args: string[], stdout: "piped" | "inherit"): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout, stderr: "inherit" });
  if (stdout === "inherit") {
    const { code } = await command.spawn().status;
    if (code !== 0) Deno.exit(code);
    return "";
  }
  const { code, stdout: bytes } = await command.output();
  if (code !== 0) Deno.exit(code);
  return new TextDecoder().decode(bytes);
}

/**
 * A package that `npm:prom-client` needs contains a test file of 100,000 lines of numbers without an extension. `deno compile`
 * (2.9.6) takes it for one expression of JavaScript, and ends with an overflow of its stack.
 */
const { npmPackages } = JSON.parse(await run(["info", "--json", promClient], "piped"));
const excluded = Object.values(
  npmPackages as Record<string, { readonly name: string; readonly localPath: string }>,
).filter(({ name }) => name === "bintrees").map(({ localPath }) => `${localPath}/test`);

await run([
  ...["compile", "--exclude-unused-npm", "--no-prompt", ...PERMISSIONS],
  ...(Deno.args.includes("--verbose") ? [] : ["--quiet"]),
  ...INCLUDED.flatMap((name) => ["--include", name]),
  ...excluded.flatMap((path) => ["--exclude", path]),
  ...["--output", output, "cli.ts"],
], "inherit");
