/**
 * What the page shows of numbers, times and JSON.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  counted,
  formatAge,
  formatBytes,
  formatCount,
  formatDate,
  formatDuration,
  formatRate,
  formatTime,
} from "../../web/page/format.ts";
import { prettyJson } from "../../web/page/pretty_json.ts";

const table = <T>(format: (value: T) => string, rows: readonly (readonly [T, string])[]) => {
  for (const [value, text] of rows) assertEquals(format(value), text, `${value}`);
};

Deno.test("counts, rates and sizes have no more digits than a person reads", () => {
  table(formatCount, [[0, "0"], [1234567, "1,234,567"], [undefined, "–"]]);
  table(formatRate, [[0, "0"], [0.04, "0"], [0.26, "0.3"], [9.94, "9.9"], [9.96, "10"], [
    51234.5,
    "51,235",
  ], [undefined, "–"]]);
  table(formatBytes, [
    [0, "0 B"],
    [1023, "1,023 B"],
    [1024, "1.0 KiB"],
    [10 * 1024, "10 KiB"],
    [
      1024 * 1024 - 1,
      "1.0 MiB",
    ],
    [2 ** 40, "1.0 TiB"],
    [2 ** 60, "1,048,576 TiB"],
    [undefined, "–"],
  ]);
  table((count: number) => counted(count, "message"), [[0, "0 messages"], [1, "1 message"], [
    2000,
    "2,000 messages",
  ]]);
});

Deno.test("durations have their two largest units, and ages the largest", () => {
  table(formatDuration, [
    [0, "0 s"],
    [59_999, "1 min"],
    [61_000, "1 min 1 s"],
    [3_600_000, "1 h"],
    [
      3_605_000,
      "1 h",
    ],
    [90_061_000, "1 d 1 h"],
    [-5, "0 s"],
  ]);
  table(formatAge, [[-5, "now"], [999, "now"], [1000, "1 s"], [119_000, "1 min"], [
    7_200_000,
    "2 h",
  ], [
    1e11,
    "1157 d",
  ]]);
});

Deno.test("times are those of the place where the page is read, and one that no calendar has is a dash", async () => {
  const code = `
    import { formatDate, formatTime } from "${import.meta.resolve("../../web/page/format.ts")}";
    console.log(formatTime(0) + ", " + formatDate(86_399_056));
  `;
  const [args, env] = [["eval", code], { TZ: "Asia/Kolkata", NO_COLOR: "1" }];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, env }).output();
  const text = new TextDecoder().decode(stdout).trim();
  assertEquals(text, "05:30:00.000, 1970-01-02 05:29:59.056");
  assertEquals([formatTime(1e20), formatDate(NaN)], ["–", "–"]);
});

Deno.test("JSON is indented, and its numbers, names and strings stay as they were put", () => {
  assertEquals(
    prettyJson('{"a":12345678901234567890,"a":[1.0,{"b":"x, {y}: \\"z\\""}],"e":[],"o":{ }}'),
    [
      "{",
      '  "a": 12345678901234567890,',
      '  "a": [',
      "    1.0,",
      "    {",
      '      "b": "x, {y}: \\"z\\""',
      "    }",
      "  ],",
      '  "e": [],',
      '  "o": {}',
      "}",
    ].join("\n"),
  );
  const deep = prettyJson(`${"[".repeat(20_000)}${"]".repeat(20_000)}`)!;
  assertEquals([deep.slice(0, 8), deep.length < 3_000_000], ["[\n  [\n  ", true]);
  assertEquals(prettyJson(`[${"1,".repeat(200_000)}1]`), undefined, "it would take long");
  for (const text of ["", "1", '"text"', "{", "[1,]", "hello {}", "{} {}"]) {
    assertEquals(prettyJson(text), undefined, text);
  }
});
