/**
 * Reads the text that Prometheus reads.
 *
 * @module
 */

/** One metric. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** The names of its labels, but `le`. */
  readonly labels: ReadonlySet<string>;
  /** Each value, by its name with labels as they are written. */
  readonly values: ReadonlyMap<string, number>;
}

/** All metrics of a text, by name. */
export function parseMetrics(text: string): Map<string, MetricFamily> {
  const families = new Map<string, MetricFamily>();
  for (const block of text.trim().split("\n\n")) {
    const [help, type, ...lines] = block.split("\n");
    const [, name, sentence] = /^# HELP (\S+) (.+)$/.exec(help!)!;
    const [, kind] = /^# TYPE \S+ (\w+)$/.exec(type!)!;
    const labels = new Set<string>();
    const values = new Map<string, number>();
    for (const line of lines) {
      const [, sample, value] = /^(\S+?(?:\{.*\})?) (\S+)$/.exec(line)!;
      for (const [, label] of sample!.matchAll(/[{,](\w+)="/g)) {
        if (label !== "le") labels.add(label!);
      }
      values.set(sample!, value === "+Inf" ? Infinity : Number(value));
    }
    families.set(name!, { name: name!, help: sentence!, type: kind!, labels, values });
  }
  return families;
}

/** One value, by its name with labels; `undefined` if there is none. */
export function valueOf(text: string, sample: string): number | undefined {
  const name = sample.replace(/\{.*$/, "").replace(/_(bucket|sum|count)$/, "");
  return parseMetrics(text).get(name)?.values.get(sample);
}
