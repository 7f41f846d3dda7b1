/**
 * A program that runs one round of a scenario with one checkout, and prints the result. `deno task bench --against` runs
 * it, with a {@linkcode Round} as its argument.
 *
 * @module
 */

import { PAIRED_SCENARIOS } from "./paired_scenarios.ts";
import { Side } from "./side.ts";

/** What to measure. */
export interface Round {
  /** The checkout, as a URL. */
  readonly root: string;
  readonly scenario: string;
  readonly count: number;
  /** The transport of its server. Default: that server's default. */
  readonly transport?: string | undefined;
}

if (import.meta.main) {
  // Exits explicitly: its clients would try to reconnect to their server.
  Deno.exit(await main(JSON.parse(Deno.args[0]!)));
}

async function main({ root, scenario, count, transport }: Round): Promise<number> {
  try {
    await using side = await Side.open(new URL(root), transport);
    const end = () => void side[Symbol.asyncDispose]().then(() => Deno.exit(130));
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, end);
    const { measure } = PAIRED_SCENARIOS.find(({ name }) => name === scenario)!;
    console.log(JSON.stringify(await measure(side, count)));
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}
