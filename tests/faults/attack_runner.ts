/**
 * Attacks, one after another, each on its own server with an honest neighbour; and the results for both, as a
 * table. A result is good if no put of the neighbour fails or takes too long, and the server stays within its memory
 * limit and survives.
 *
 * @module
 */

import { setPriority } from "node:os";
import type { TransportChoice } from "../../server.ts";
import { type ChildOptions, ChildServer } from "./child_server.ts";
import { type Harm, harmBy, Neighbour } from "./neighbour.ts";
import { sleep } from "./sleep.ts";
import { mib, Report, type Verdict } from "./report.ts";
import type { Goal, PlatformLimit } from "./platform_limits.ts";

/** The longest that a neighbour's put may take, in milliseconds. */
const MAX_LATENCY = 100;

/** The cost of an attack, and what the attackers saw. */
export interface Cost {
  readonly connections: number;
  /** How many bytes the attackers sent. */
  readonly bytes: number;
  readonly seen?: string;
}

/** An attack, and what effect on others is allowed. */
export interface AttackRun {
  readonly name: string;
  /** The options of the server. */
  readonly options?: ChildOptions;
  /** Its largest JavaScript heap, in MiB. */
  readonly heap?: number | undefined;
  /** The token of the neighbour. */
  readonly token?: string;
  /** How much memory the server may take for it, in bytes. */
  readonly memory: number;
  /** How long the neighbour may wait, in milliseconds. Default: 100. */
  readonly longest?: number;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: PlatformLimit | undefined;
  /** Preparations before anything is measured. */
  prepare?(server: ChildServer): Promise<void>;
  /** Attacks, and resolves when it is over; connections on the stack stay until everything is measured. Throws if the attackers saw what must not be. */
  attack(server: ChildServer, stack: DisposableStack): Promise<Cost>;
}

/** The missed goals, and the resulting verdict. */
export function gradeOf(missed: readonly Goal[], stated: PlatformLimit | undefined): Verdict {
  const good = missed.every((goal) => stated?.costs.includes(goal));
  return { good, stated: good ? stated?.reason : undefined };
}

/** Which goals an attack has prevented. */
export function missedGoals(
  harm: Pick<Harm, "longest" | "growth">,
  { longest = MAX_LATENCY, memory }: Pick<AttackRun, "longest" | "memory">,
): Goal[] {
  const missed: Goal[] = [];
  if (harm.longest > longest) missed.push("wait");
  if (harm.growth > memory) missed.push("memory");
  return missed;
}

/**
 * The selected attacks.
 *
 * @param which a part of their names; or a fraction such as `2/3`, the second third of them
 */
export function selected<T extends { readonly name: string }>(all: readonly T[], which = ""): T[] {
  const [, part, parts] = /^(\d+)\/(\d+)$/.exec(which)?.map(Number) ?? [];
  if (!part || !parts) return all.filter(({ name }) => name.includes(which));
  const end = (parts: number) => Math.round(all.length * parts);
  return all.slice(end((part - 1) / parts), end(part / parts));
}

/**
 * Runs attacks and prints the results; the process ends with 1 if a promise did not hold.
 *
 * @param title what they have in common
 * @param transport of the servers
 * @param trials all attacks
 * @param which selects some of them: see {@linkcode selected}
 */
export async function runAttacks(
  title: string,
  transport: TransportChoice,
  trials: readonly AttackRun[],
  which?: string,
): Promise<void> {
  const report = new Report(
    ...["attack", "connections, sent", "puts", "p99", "longest", "without a core", "memory"],
    ...["held in the end", "seen"],
  );
  for (const trial of selected(trials, which)) {
    let outcome = await runAttack(trial, transport);
    // On a busy machine the second result counts, whatever it is.
    if (outcome.lackedCores) outcome = await runAttack(trial, transport);
    console.error(report.row([trial.name, ...outcome.cells], outcome.verdict).join("  "));
  }
  report.print(`${title}, beside a neighbour, over ${transport}`);
}

interface Outcome {
  readonly cells: readonly string[];
  readonly verdict: Verdict;
  /** It would have been good with enough processor cores. */
  readonly lackedCores?: boolean;
}

async function runAttack(trial: AttackRun, transport: TransportChoice): Promise<Outcome> {
  const { options = {}, heap, memory, builtin, attack, prepare, token } = trial;
  const stated = transport === "builtin" ? builtin : undefined;
  const failed = (reason: string, verdict: Verdict) => ({
    cells: ["", "", "", "", "", "", "", reason],
    verdict,
  });
  await using server = await ChildServer.start({ transport, ...options }, { heap });
  try {
    await prepare?.(server);
    const url = options.cert ? `wss://localhost:${server.port}` : server.url;
    await using neighbour = await Neighbour.start(server, token, url);
    using stack = new DisposableStack();
    let cost: Cost | undefined;
    const harm = await withLowPriority(() =>
      harmBy(server, neighbour, async () => {
        cost = await attack(server, stack);
      })
    );
    const { connections, bytes, seen = "" } = cost!;
    const { puts, p99, longest, coreless, growth } = harm;
    const cells = [
      `${connections}, ${mib(bytes)}`,
      `${puts}`,
      `${p99.toFixed(1)} ms`,
      `${longest.toFixed(0)} ms`,
      `${coreless.toFixed(0)} ms`,
      `${mib(growth)} of ${mib(memory)}`,
      mib((await server.report("gc")).heap),
      harm.failed === 0 ? seen : `${seen}, ${harm.failed} puts failed`,
    ];
    if (harm.failed > 0) return { cells, verdict: { good: false } };
    const verdict = gradeOf(missedGoals(harm, trial), stated);
    const withCores = missedGoals({ growth, longest: longest - coreless }, trial);
    return { cells, verdict, lackedCores: !verdict.good && gradeOf(withCores, stated).good };
  } catch (error) {
    // Its process may be about to end.
    await sleep(200);
    if (server.ended) return failed("the server has ended", gradeOf(["life"], stated));
    return failed(`${(error as Error).message}`.slice(0, 200), { good: false });
  }
}

/** Attacks with what others leave of this machine: real attackers have their own machines. */
export async function withLowPriority<T>(attack: () => Promise<T>): Promise<T> {
  prioritize(19);
  try {
    return await attack();
  } finally {
    prioritize(0);
  }
}

/** Sets the priority of this process. Without the permission to raise it again, the process continues as it is. */
function prioritize(priority: number): void {
  try {
    setPriority(priority);
  } catch {
    // It attacks at its present priority.
  }
}
