/**
 * Attacks, one after another, each on a server of its own that has an honest neighbour; and what became of both, as a
 * table. It is good where no put of the neighbour fails or takes too long, the server takes no more memory than it may,
 * and lives.
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

/** No put of a neighbour may take longer, in milliseconds. */
const MAX_LATENCY = 100;

/** What an attack took, and what those saw who attacked. */
export interface Cost {
  readonly connections: number;
  /** How many bytes they sent. */
  readonly bytes: number;
  readonly seen?: string;
}

/** An attack, and what it may do to others. */
export interface AttackRun {
  readonly name: string;
  /** How the server is started. */
  readonly options?: ChildOptions;
  /** Its largest heap of JavaScript, in MiB. */
  readonly heap?: number | undefined;
  /** What the neighbour is admitted with. */
  readonly token?: string;
  /** How much memory the server may take for it, in bytes. */
  readonly memory: number;
  /** For how long the neighbour may wait, in milliseconds. Default: 100. */
  readonly longest?: number;
  /** Over `builtin` this cannot be promised. */
  readonly builtin?: PlatformLimit | undefined;
  /** What comes before anything is measured. */
  prepare?(server: ChildServer): Promise<void>;
  /** Attacks, and resolves when it is over; those in the crowd stay until all is measured. It throws if they saw what may not be. */
  attack(server: ChildServer, stack: DisposableStack): Promise<Cost>;
}

/** What is missed of what is promised, and the verdict that this makes. */
export function gradeOf(missed: readonly Goal[], stated: PlatformLimit | undefined): Verdict {
  const good = missed.every((goal) => stated?.costs.includes(goal));
  return { good, stated: good ? stated?.reason : undefined };
}

/** Which goals an attack has spoiled. */
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
 * Those that are asked for.
 *
 * @param which a part of their names; or such as `2/3`, the second third of them
 */
export function selected<T extends { readonly name: string }>(all: readonly T[], which = ""): T[] {
  const [, part, parts] = /^(\d+)\/(\d+)$/.exec(which)?.map(Number) ?? [];
  if (!part || !parts) return all.filter(({ name }) => name.includes(which));
  const end = (parts: number) => Math.round(all.length * parts);
  return all.slice(end((part - 1) / parts), end(part / parts));
}

/**
 * Tries attacks and prints what became of them; has the process end with 1 if something that is promised did not hold.
 *
 * @param title what they have in common
 * @param transport of the servers
 * @param trials all that there are
 * @param which of them: see {@linkcode selected}
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
    // On a machine that is busy elsewhere the second outcome counts, whatever it is.
    if (outcome.lackedCores) outcome = await runAttack(trial, transport);
    console.error(report.row([trial.name, ...outcome.cells], outcome.verdict).join("  "));
  }
  report.print(`${title}, beside a neighbour, over ${transport}`);
}

interface Outcome {
  readonly cells: readonly string[];
  readonly verdict: Verdict;
  /** It would have been good, had there been a core for everybody who had something to do. */
  readonly lackedCores?: boolean;
}

async function runAttack(trial: AttackRun, transport: TransportChoice): Promise<Outcome> {
  const { options = {}, heap, memory, builtin, attack, prepare, token } = trial;
  const stated = transport === "builtin" ? builtin : undefined;
  const failed = (reason: string, verdict: Verdict) => ({
    cells: ["", "", "", "", "", "", "", reason],
    verdict,
  });
  await using server = await ChildServer.start({ transport, ...options }, undefined, heap);
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
    // Its process may be ending just now.
    await sleep(200);
    if (server.ended) return failed("the server has ended", gradeOf(["life"], stated));
    return failed(`${(error as Error).message}`.slice(0, 200), { good: false });
  }
}

/** Attacks with what others leave of this machine: in truth it is other machines that attack. */
export async function withLowPriority<T>(attack: () => Promise<T>): Promise<T> {
  prioritize(19);
  try {
    return await attack();
  } finally {
    prioritize(0);
  }
}

/** Sets how this process gives way to others. Who may not take that back again goes on as it is. */
function prioritize(priority: number): void {
  try {
    setPriority(priority);
  } catch {
    // It attacks with what it has.
  }
}
