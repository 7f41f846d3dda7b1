import { assertEquals } from "@std/assert";
import { TimeHistogram } from "../../server/metrics/histogram.ts";

const SPEC = { name: "t_seconds", help: "Times.", bounds: [0.001, 0.01] };

Deno.test("a histogram counts each time in all buckets that reach it, as often as it came", async () => {
  const times = new TimeHistogram(SPEC);
  times.record(0);
  times.record(1);
  times.record(1.5, 3);
  times.record(2000, 2);
  const { name, help, type, values } = await times.get();
  assertEquals({ name, help, type }, { name: "t_seconds", help: "Times.", type: "histogram" });
  assertEquals(values, [
    { metricName: "t_seconds_bucket", labels: { le: 0.001 }, value: 2 },
    { metricName: "t_seconds_bucket", labels: { le: 0.01 }, value: 5 },
    { metricName: "t_seconds_bucket", labels: { le: "+Inf" }, value: 7 },
    { metricName: "t_seconds_sum", labels: {}, value: (1 + 3 * 1.5 + 2 * 2000) / 1000 },
    { metricName: "t_seconds_count", labels: {}, value: 7 },
  ]);
});
