/**
 * Reads the reports that `deno test --junit-path` writes.
 *
 * @module
 */

/** The outcome of a run of tests. */
export interface Outcome {
  readonly passed: number;
  /** Each test that failed: its name and its file. */
  readonly failed: readonly string[];
  /** How many tests were ignored for each reason. */
  readonly ignored: ReadonlyMap<string, number>;
}

/** A test says at the end of its name why it is ignored: see `tests/support/ignored_if.ts`. */
const REASON = / \(ignored: (.*)\)$/s;

/** Reads one report. */
export function parseReport(xml: string): Outcome {
  let passed = 0;
  const failed: string[] = [];
  const ignored = new Map<string, number>();
  for (const [, attributes, content] of xml.matchAll(/<testcase ([^>]*)>(.*?)<\/testcase>/gs)) {
    const name = attribute(attributes!, "name");
    const test = `${name} (${attribute(attributes!, "classname")})`;
    if (/<(failure|error)\b/.test(content!)) failed.push(test);
    else if (content!.includes("<skipped")) {
      const reason = REASON.exec(name)?.[1];
      if (reason === undefined) failed.push(`${test} is ignored without a reason`);
      else ignored.set(reason, (ignored.get(reason) ?? 0) + 1);
    } else passed++;
  }
  return { passed, failed, ignored };
}

/** Adds two outcomes. */
export function sum(a: Outcome, b: Outcome): Outcome {
  const ignored = new Map(a.ignored);
  for (const [reason, count] of b.ignored) ignored.set(reason, (ignored.get(reason) ?? 0) + count);
  return { passed: a.passed + b.passed, failed: [...a.failed, ...b.failed], ignored };
}

/** The last lines of a run: what failed, what was ignored and why, and the numbers. */
export function summary({ passed, failed, ignored }: Outcome, seconds: number): string[] {
  const skipped = [...ignored.values()].reduce((all, count) => all + count, 0);
  const byCount = [...ignored].toSorted(([, a], [, b]) => b - a);
  const time = `${Math.floor(seconds / 60)}m${Math.round(seconds % 60)}s`;
  return [
    ...failed.map((name) => `failed: ${name}`),
    ...byCount.map(([reason, count]) => `${count} ignored: ${reason}`),
    `${failed.length === 0 ? "ok" : "FAILED"} | ${passed} passed | ${failed.length} failed | ` +
    `${skipped} ignored (${time})`,
    `${passed} passed, ${failed.length} failed, ${skipped} skipped`,
  ];
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  apos: "'",
  gt: ">",
  lt: "<",
  quot: '"',
};

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replaceAll(
    /&(#x?)?(\w+);/g,
    (entity, number, word) =>
      number === undefined
        ? ENTITIES[word] ?? entity
        : String.fromCodePoint(parseInt(word, number === "#" ? 10 : 16)),
  );
}
