/**
 * The command line, many times in one process: `deno run -A commands.ts '[["put", "t", "m"], …]'` prints a line of JSON
 * with the outcome of each. With the word `terminal` after that, the output counts as a terminal.
 *
 * @module
 */

import { main } from "../../cli.ts";

class Ended {
  constructor(readonly code: number) {}
}

const original = { stdout: Deno.stdout.write.bind(Deno.stdout) };
const output = { stdout: "", stderr: "" };
for (const name of ["stdout", "stderr"] as const) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  if (Deno.args[1] === "terminal") Deno[name].isTerminal = () => true;
  Deno[name].write = (bytes) => {
    output[name] += decoder.decode(bytes, { stream: true });
    return Promise.resolve(bytes.length);
  };
}
Deno.exit = (code = 0) => {
  throw new Ended(code);
};

const outcomes: unknown[] = [];
for (const args of JSON.parse(Deno.args[0]!) as string[][]) {
  Object.assign(output, { stdout: "", stderr: "" });
  const { code } = await main(args).catch((error) => {
    if (error instanceof Ended) return error;
    throw error;
  });
  outcomes.push({ code, stdout: output.stdout.trimEnd(), stderr: output.stderr.trimEnd() });
}
await original.stdout(new TextEncoder().encode(`${JSON.stringify(outcomes)}\n`));
