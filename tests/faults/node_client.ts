/**
 * The client as a bundle for Safari 16.4: it has no lookbehind, its declarations need no library but
 * those that the guide names, and it works in the Node of this machine, with Node's WebSocket and with that of `npm:ws`, in Node
 * 24 and in Bun, as a worker of a group, too. Needs node and npm, and fetches esbuild, typescript, ws, zod, bun and node into a
 * folder of its own.
 *
 * ```sh
 * deno run -A tests/faults/node_client.ts
 * ```
 *
 * @module
 */

import { serve } from "../../server.ts";
import { freePort } from "../support/free_port.ts";
import { openServer } from "../support/open_server.ts";
import { Program, ROOT } from "../support/program.ts";
import { proveWork, workThere } from "../support/worker_elsewhere.ts";

/** What Node and Bun run: the first argument is an address, the second selects the socket. */
const USE = `
import { connect, isDsmqError } from "./client.mjs";
import { WebSocket as Ws } from "ws";
import * as z from "zod";
const [url, socket] = process.argv.slice(2);
const dial = socket === "ws" ? { dial: (url, protocols) => new Ws(url, protocols) } : {};
const mq = await connect(url, { token: async () => "a-token", ...dial });
await mq.putMany("t", ["1", "2"]);
const stream = mq.subscribe("t", { since: "start" });
const { value } = await stream.next();
await stream.return();
console.log(value.body, await mq.get("t"), await mq.getWait("t"), (await mq.topics()).length);
await mq.put("", "").catch(({ message }) => console.log(message));
const slow = z.object({ n: z.number() }).refine(async () => {
  await new Promise((resolve) => setTimeout(resolve, 5));
  return true;
});
const values = mq.topic("values", slow);
const puts = [values.put({ n: 1 }), values.put({ n: "two" }).catch(({ code }) => code), values.putMany([{ n: 3 }])];
console.log(mq.pending.messages, (await Promise.all(puts))[1]);
await mq.put("values", "no JSON");
await values.put({ n: 4 });
const seen = [(await values.read()).value.n];
for await (const { value } of values.subscribe({ onInvalid: (error) => void seen.push(isDsmqError(error, "invalid_value")) })) {
  if (seen.push(value.n) === 4) break;
}
console.log(JSON.stringify(seen));
let validated = 0;
let bothValidated;
const begun = new Promise((resolve) => bothValidated = resolve);
const validate = () => {
  if (++validated === 2) bothValidated();
  return new Promise(() => {});
};
const never = { "~standard": { version: 1, vendor: "never", validate } };
const endless = mq.topic("values", never);
const ends = [endless.read(), endless.subscribe({ since: "start" }).next()]
  .map((call) => call.then(({ done }) => done, ({ code }) => code));
await begun;
await mq.close();
console.log(JSON.stringify(await Promise.all(ends)));
`;

/** The same arguments; what it does is in `worker_elsewhere.ts`. */
const WORK = `
import * as dsmq from "./client.mjs";
import { WebSocket as Ws } from "ws";
const [url, socket] = process.argv.slice(2);
const dial = socket === "ws" ? { dial: (url, protocols) => new Ws(url, protocols) } : {};
await (${workThere})(dsmq, url, console.log, { token: async () => "a-token", ...dial });
`;

/** What the first prints. */
const EXPECTED = [
  "1 1 2 1",
  "Cannot put: a topic has at least one character",
  "2 invalid_value",
  "[1,3,true,4]",
  '["closed",true]',
].join("; ");

/** Or, where there is no WebSocket. */
const NONE = /^TypeError: Cannot connect: there is no WebSocket here, as in Node before 22/;

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

/** Works on jobs there, over a restart of the server. */
async function work(
  folder: string,
  program: string,
  socket: string,
  transport: "builtin" | "hardened",
): Promise<void> {
  const options = {
    ...{ port: freePort(), auth: "a-token", transport },
    store: `sqlite:${folder}/${transport}-${crypto.randomUUID()}.db`,
  } as const;
  let server = await openServer(options);
  try {
    const args = [`${folder}/work.mjs`, server.url, socket];
    await using worker = new Program(args, {}, [], program);
    const restart = async () => {
      await server.shutdown();
      server = await openServer(options);
    };
    await proveWork(server, () => worker.line(), restart, options.auth);
    const { code, stderr } = await worker.end();
    if (code !== 0 || stderr !== "") throw new Error(`it ended with ${code}: ${stderr}`);
  } finally {
    await server.shutdown();
  }
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir();
  const client = new URL("client.ts", ROOT).pathname;
  try {
    await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
    await run(
      folder,
      "npm",
      "install",
      "esbuild",
      "typescript@5.6",
      "ws",
      "@types/ws@8",
      "zod@4",
      "bun",
      "node@24",
    );
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
    await Deno.writeTextFile(`${folder}/work.mjs`, WORK);
    for (const transport of ["builtin", "hardened"] as const) {
      for (
        const [name, program, socket] of [
          ["Node", "node", "ws"],
          ["Node", "node", "its own"],
          ["Node", `${folder}/node_modules/.bin/node`, "its own"],
          ["Bun", `${folder}/node_modules/.bin/bun`, "its own"],
        ] as const
      ) {
        await using server = await serve({ port: 0, auth: "a-token", transport });
        const version = await run(folder, program, "--version");
        const output = await run(folder, program, "use.mjs", server.url, socket)
          .catch((error: Error) => /TypeError: .*/.exec(error.message)?.[0] ?? error.message);
        const result = output.replaceAll("\n", "; ");
        console.log(`${name} ${version}, WebSocket of ${socket}, ${transport}: ${result}`);
        if (NONE.test(result)) continue;
        if (result !== EXPECTED) throw new Error(`expected: ${EXPECTED}`);
        await work(folder, program, socket, transport);
        console.log(`${name} ${version}, WebSocket of ${socket}, ${transport}: a worker works`);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
