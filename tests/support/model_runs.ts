/**
 * How often random programs are run, and which.
 *
 * @module
 */

function read(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

/**
 * The parameters of fast-check. The tests always run the same programs, unless the environment asks for others.
 *
 * @param name `DSMQ_NAME_SEED` and `DSMQ_NAME_RUNS` are the variables
 * @param runs how many programs are run
 * @returns the parameters
 */
export function modelRuns(name: string, runs: number): { seed: number; numRuns: number } {
  return {
    seed: Number(read(`DSMQ_${name}_SEED`) || 20),
    numRuns: Number(read(`DSMQ_${name}_RUNS`) || runs),
  };
}
