/**
 * The client as a bundle for Safari 16.4: it has no lookbehind, its declarations need no library but
 * those that the guide names, and it works in the Node of this machine, with Node's WebSocket and with that of `npm:ws`.
 * Needs node and npm, and fetches esbuild, typescript and ws into a folder of its own.
 *
 * ```sh
 * deno run -A tests/faults/node_client.ts
 * ```
 *
 * @module
 */

import { serve } from "../../server.ts";
import { ROOT } from "../support/program.ts";

/** What Node runs: the first argument is an address, the second selects the socket. */
const USE = `
import { connect } from "./client.mjs";
import { WebSocket as Ws } from "ws";
const [url, socket] = process.argv.slice(2);
const dial = socket === "ws" ? { dial: (url, protocols) => new Ws(url, protocols) } : {};
const mq = await connect(url, { token: "a-token", ...dial });
await mq.putMany("t", ["1", "2"]);
const stream = mq.subscribe("t", { since: "start" });
const { value } = await stream.next();
await stream.return();
console.log(value.body, await mq.get("t"), await mq.getWait("t"), (await mq.topics()).length);
await mq.put("", "").catch(({ message }) => console.log(message));
await mq.close();
`;

/** What TypeScript checks. */
const TYPES = `
import { connect } from "./types/client.js";
import { WebSocket as Ws } from "ws";
await connect(undefined, { dial: (url: string, protocols: string[]) => new Ws(url, protocols) });
const mq = await connect(undefined, { dial: (url, protocols) => new WebSocket(url, protocols) });
for await (const { body } of mq.subscribe("t")) console.log(body.length);
`;

async function run(folder: string, command: string, ...args: string[]): Promise<string> {
  const options = { args, cwd: folder, stdin: "null" } as const;
  const { code, stdout, stderr } = await new Deno.Command(command, options).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${out}\n${err}`);
  return out!;
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir();
  const client = new URL("client.ts", ROOT).pathname;
  try {
    await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
    await run(folder, "npm", "install", "esbuild", "typescript@5.6", "ws", "@types/ws@8");
    const esbuild = `${folder}/node_modules/.bin/esbuild`;
    const target = ["--bundle", "--format=esm", "--target=safari16.4", "--outfile=client.mjs"];
    await run(folder, esbuild, client, ...target);
    if (/\(\?<[=!]/.test(await Deno.readTextFile(`${folder}/client.mjs`))) {
      throw new Error("there is a lookbehind in the bundle");
    }
    const tsc = `${folder}/node_modules/.bin/tsc`;
    const common = ["--strict", "--module", "esnext", "--moduleResolution", "bundler"];
    const declared = ["--declaration", "--emitDeclarationOnly", "--allowImportingTsExtensions"];
    const lib = ["--lib", "esnext,dom,dom.iterable", "--target", "esnext", "--outDir", "types"];
    // Errors in code of others are for `deno check`.
    await run(folder, tsc, ...common, ...declared, ...lib, client).catch(() => {});
    await Deno.writeTextFile(`${folder}/use.ts`, TYPES);
    const floor = ["--noEmit", "--target", "es2022", "--lib", "es2022,dom,esnext.disposable"];
    await run(folder, tsc, ...common, ...floor, "use.ts");
    console.log("its types need what the guide says");
    await Deno.writeTextFile(`${folder}/use.mjs`, USE);
    const version = await run(folder, "node", "--version");
    await using server = await serve({ port: 0, auth: "a-token" });
    for (const socket of ["ws", "its own"]) {
      const output = await run(folder, "node", "use.mjs", server.url, socket)
        .catch((error: Error) => /TypeError: .*/.exec(error.message)?.[0] ?? error.message);
      console.log(`Node ${version}, WebSocket of ${socket}: ${output.replaceAll("\n", "; ")}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
