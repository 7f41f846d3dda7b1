/**
 * What workers did with jobs, and whether a group may have had them do it.
 *
 * @module
 */

import { type Finding, none } from "./report.ts";

/** One run of a handler. Times are in milliseconds since 1970, of one machine. */
export interface JobRun {
  readonly seq: number;
  readonly claim: number;
  readonly attempt: number;
  readonly key: string | undefined;
  readonly begun: number;
  /** When it was over: its handler returned, its signal was aborted, or its process was gone. */
  over: number | undefined;
  /** Its handler has returned, and its signal was not aborted. */
  done: boolean;
  /** Its worker gave it back, since it could not make sure of its lease: the attempt does not count, if that came in time. */
  isGivenBack: boolean;
}

/** All runs of all workers. */
export class JobLedger {
  readonly #runs = new Map<number, JobRun>();
  readonly #bySeq = new Map<number, JobRun[]>();
  readonly #sameClaim: number[] = [];

  /** Jobs that are worked in ways of their own. */
  readonly #exempt: ReadonlySet<number>;

  /**
   * Knows of no run.
   *
   * @param exempt the numbers of jobs of which nothing is found
   */
  constructor(exempt: Iterable<number> = []) {
    this.#exempt = new Set(exempt);
  }

  /** How many handlers have returned. */
  done = 0;

  /** All runs of a handler. */
  get runs(): Iterable<JobRun> {
    return this.#runs.values();
  }

  /** How often a job was begun again. */
  get repeats(): number {
    return this.#runs.size - this.#bySeq.size;
  }

  /** A handler has begun. */
  begin(run: Omit<JobRun, "over" | "done" | "isGivenBack">): JobRun {
    if (this.#runs.has(run.claim)) this.#sameClaim.push(run.claim);
    const added = { ...run, over: undefined, done: false, isGivenBack: false };
    this.#runs.set(run.claim, added);
    const ofJob = this.#bySeq.get(run.seq);
    if (ofJob) ofJob.push(added);
    else this.#bySeq.set(run.seq, [added]);
    return added;
  }

  /** A handler is over. */
  end(claim: number, over: number, done: boolean): void {
    const run = this.#runs.get(claim);
    if (!run || run.over !== undefined) return;
    run.over = over;
    run.done = done;
    if (done) this.done++;
  }

  /** A worker gives a job back whose handler is over. */
  giveBack(claim: number): void {
    const run = this.#runs.get(claim);
    if (run) run.isGivenBack = true;
  }

  /** Whether all jobs were worked as they may be. */
  findings(seqs: readonly number[]): Finding[] {
    const known = new Set([...seqs, ...this.#exempt]);
    const of = (seq: number) => this.#bySeq.get(seq) ?? [];
    return [
      none(
        "jobs that no handler has done",
        seqs.filter((seq) => !of(seq).some(({ done }) => done)),
      ),
      none("jobs that were never put", [...this.#bySeq.keys()].filter((seq) => !known.has(seq))),
      none("claims that were begun twice", this.#sameClaim),
      none("jobs with two valid claims at one time", seqs.filter((seq) => overlaps(of(seq)))),
      none(
        "jobs whose attempts do not grow",
        seqs.map(of).filter((runs) => !attemptsGrow(runs)).map(inWords),
      ),
      none("jobs before an earlier one of their key", this.#disorder(seqs)),
    ];
  }

  /** Jobs that were begun before the one before them of the same key was done, or after the one behind them. */
  #disorder(seqs: readonly number[]): number[] {
    const last = new Map<string, readonly JobRun[]>();
    return seqs.filter((seq) => {
      const runs = this.#bySeq.get(seq) ?? [];
      const key = runs[0]?.key;
      if (key === undefined) return false;
      const before = last.get(key);
      last.set(key, runs);
      if (!before) return false;
      const first = Math.min(...runs.map(({ begun }) => begun));
      return !before.some(({ done, over }) => done && over! <= first) ||
        before.some(({ begun }) => begun > first);
    });
  }
}

/** Whether a run began while an earlier one of the same job went on. */
function overlaps(runs: readonly JobRun[]): boolean {
  const inOrder = [...runs].sort((one, other) => one.claim - other.claim);
  return inOrder.some(({ begun }, i) =>
    inOrder.slice(0, i).some(({ over = Infinity }) => over > begun)
  );
}

/** The runs of a job, by their claims. */
function inWords(runs: readonly JobRun[]): string {
  const inOrder = [...runs].sort((one, other) => one.claim - other.claim);
  return inOrder.map(({ seq, claim, attempt, begun, over, done }) =>
    `number ${seq}, claim ${claim}, attempt ${attempt}: ${begun} to ${over}, ${
      done ? "" : "not "
    }done`
  ).join(", ");
}

function attemptsGrow(runs: readonly JobRun[]): boolean {
  const inOrder = [...runs].sort((one, other) => one.claim - other.claim);
  return inOrder.every(({ attempt }, i) => {
    const before = inOrder[i - 1];
    return !before || attempt > before.attempt ||
      (before.isGivenBack && attempt === before.attempt);
  });
}
