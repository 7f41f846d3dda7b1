/**
 * The examples for Prometheus and Grafana: they ask for what there is, and a real Prometheus takes them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { ERRORS } from "../../protocol/error_codes.ts";
import { FileFolder } from "../support/file_folder.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { openGroups, openMeasured } from "../support/measured_server.ts";
import { type MetricFamily, parseMetrics } from "../support/metrics_text.ts";
import {
  copyExamples,
  missingPrometheus,
  MONITORING,
  Prometheus,
  promtool,
} from "../support/prometheus.ts";

const missing = await missingPrometheus();
const read = (name: string) => Deno.readTextFile(new URL(name, MONITORING));

/** All queries of the dashboard. */
async function dashboardQueries(): Promise<string[]> {
  const { panels, annotations } = JSON.parse(await read("grafana.json"));
  const targets = panels.flatMap(({ targets = [] }: { targets?: unknown[] }) => targets);
  return [...targets, ...annotations.list].map(({ expr }: { expr: string }) => expr);
}

/** The queries of the alerts. */
async function alertQueries(): Promise<string[]> {
  const rules = await read("dsmq.rules.yml");
  // Each begins a line or stands in the next ones, which are indented more.
  const found = rules.matchAll(/^ {8}expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/gm);
  return [...found].map(([, folded, line]) => (folded ?? line)!.trim().replaceAll(/\n */g, " "));
}

/** The metrics that a query names. */
function namesIn(query: string): string[] {
  return [...query.matchAll(/\b(?:dsmq|process)_\w+/g)].map(([name]) => name);
}

/** The metric that has a series of this name. */
function familyOf(name: string, families: ReadonlyMap<string, MetricFamily>) {
  const found = families.get(name);
  if (found && found.type !== "histogram") return found;
  const histogram = families.get(name.replace(/_(bucket|sum|count)$/, ""));
  return histogram && histogram.name !== name ? histogram : undefined;
}

/** A server with a file, which has all metrics. */
async function scraped<T>(use: (text: string) => Promise<T>): Promise<T> {
  using folder = new FileFolder();
  await using server = await openMeasured({ store: `sqlite:${folder.path}` });
  await openGroups(server.url);
  return await use(await server.metrics!.text());
}

Deno.test("alerts and dashboard ask only for metrics, labels and codes that there are, and name most of them", async () => {
  const queries = [...await dashboardQueries(), ...await alertQueries()];
  assert(queries.length > 50, `${queries.length} queries`);
  const families = await scraped((text) => Promise.resolve(parseMetrics(text)));
  const unknown: string[] = [];
  const named = new Set<string>();
  for (const query of queries) {
    for (const name of namesIn(query)) {
      const family = familyOf(name, families);
      if (family) named.add(family.name);
      else unknown.push(`${name} in ${query}`);
    }
    for (const [, name, selector] of query.matchAll(/\b((?:dsmq|process)_\w+)\{([^}]*)\}/g)) {
      for (const [, label, value] of selector!.matchAll(/(\w+)[=!]~?"([^"]*)"/g)) {
        const isKnown = label === "instance" || familyOf(name!, families)?.labels.has(label!);
        if (!isKnown) unknown.push(`label ${label} in ${query}`);
        if (label !== "code") continue;
        unknown.push(...value!.split("|").filter((code) => !(code in ERRORS)));
      }
    }
  }
  assertEquals(unknown, []);
  assertEquals([...families.keys()].filter((name) => !named.has(name)), [
    "dsmq_pending_connections_limit",
  ]);
});

Deno.test("every alert has a test", async () => {
  const names = (text: string) =>
    new Set([...text.matchAll(/alert(?:name)?: (\w+)/g)].map(([, name]) => name));
  const alerts = names(await read("dsmq.rules.yml"));
  assert(alerts.size > 10);
  assertEquals(names(await read("dsmq.rules.test.yml")), alerts);
});

Deno.test({
  ...ignoredIf(
    missing,
    "promtool finds no fault in configuration, alerts and metrics, and the alerts do what their tests say",
  ),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await copyExamples(folder, 30008, "secret");
      const checks = [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "dsmq.rules.yml"],
        ["test", "rules", "dsmq.rules.test.yml"],
      ];
      for (const check of checks) {
        const { code, text } = await promtool(check, folder);
        assertEquals(code, 0, text);
      }
      await scraped(async (metrics) => {
        const { code, text } = await promtool(["check", "metrics"], folder, metrics);
        assertEquals([code, text], [0, ""]);
      });
      // It would find one.
      const fault = await promtool(
        ["check", "metrics"],
        folder,
        "# TYPE a_total gauge\na_total 1\n",
      );
      assertEquals(fault.code, 3, fault.text);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test({
    ...ignoredIf(
      missing,
      `a Prometheus scrapes a server on ${transport} with a token, knows its alerts, and answers every query of the dashboard`,
    ),
    async fn() {
      using store = new FileFolder();
      const folder = await Deno.makeTempDir();
      const tokens = [{ token: "secret" }, { token: "watch", permissions: ["admin"] }] as const;
      try {
        await using server = await openMeasured({
          ...{ transport, auth: { tokens }, store: `sqlite:${store.path}` },
        });
        await using mq = await connect(server.url, { token: "secret" });
        await mq.putMany("t", ["a", "b"]);
        await openGroups(server.url, "secret");
        await copyExamples(folder, server.port, "watch");
        await using prometheus = await Prometheus.start(folder);
        const [found] = await prometheus.found(
          "dsmq_puts_stored_total",
          ({ length }) => length > 0,
        );
        assertEquals(found!.value[1], "3");
        assertEquals(found!.metric.job, "dsmq");
        assertEquals((await prometheus.query("up"))[0]!.value[1], "1");
        // Each scrape is a request that is not refused.
        const refused = await prometheus.query("sum(dsmq_refusals_total)");
        assertEquals(refused[0]!.value[1], "0");
        const { data: { groups } } = await prometheus.api("rules");
        const [{ rules }] = groups;
        assert(rules.length > 10);
        // Two scrapes give a rate.
        await prometheus.found("rate(process_cpu_seconds_total[1m])", ({ length }) => length > 0);
        const empty: string[] = [];
        for (const query of await dashboardQueries()) {
          const present = query.replaceAll("$instance", ".*").replaceAll("$__rate_interval", "1m");
          if ((await prometheus.query(present)).length === 0) empty.push(query);
        }
        // Nothing was refused, nothing has started again, no log is shared, and nobody knows what Deno holds.
        assertEquals(empty, [
          'sum by (instance, code) (rate(dsmq_refusals_total{instance=~"$instance"}[$__rate_interval])) > 0',
          ...transport === "builtin"
            ? [
              'dsmq_partial_bytes{instance=~"$instance"} / dsmq_partial_bytes_limit{instance=~"$instance"}',
            ]
            : [],
          ...(await dashboardQueries()).filter((query) => query.includes("dsmq_replica_")),
          'changes(dsmq_start_time_seconds{instance=~"$instance"}[1m]) > 0',
        ]);
        await server.shutdown();
        await prometheus.found('up{job="dsmq"} == 0', ({ length }) => length > 0);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
