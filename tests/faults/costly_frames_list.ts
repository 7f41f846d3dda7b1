/**
 * Frames that cost more to read than to write, each as large as possible.
 *
 * @module
 */

/** The largest frame, less a little, in bytes. */
const LARGE = 3_100_000;

/** Repeats a text as often as fits into a frame. */
function full(piece: string | ((i: number) => string), before = "[", after = "]"): string {
  const make = typeof piece === "string" ? () => piece : piece;
  const pieces: string[] = [];
  for (let size = before.length + after.length, i = 0;; i++) {
    const next = make(i);
    size += next.length + 1;
    if (size > LARGE) return before + pieces.join(",") + after;
    pieces.push(next);
  }
}

/** Requests, as many as a frame may hold. */
function requests(make: (i: number) => object, length = 16_384): string {
  return JSON.stringify(Array.from({ length }, (_, i) => make(i)));
}

/** Names that V8 hashes without a seed, all into one bucket. */
const colliding = (i: number) => `${1_000_013_824 + i * 65_536}`;

const put = (id: number, topic = "public.t") => ({ action: "put", id, topic, body: "m" });

/** The content of each frame, by name. */
export const FRAMES: Readonly<Record<string, () => string>> = {
  "nested lists": () => "[".repeat(LARGE / 2) + "]".repeat(LARGE / 2),
  "nested objects": () => '{"a":'.repeat(LARGE / 6) + "0" + "}".repeat(LARGE / 6),
  "nested lists in a put": () =>
    `{"action":"put","id":1,"topic":"public.t","body":${"[".repeat(LARGE / 2 - 50)}${
      "]".repeat(LARGE / 2 - 50)
    }}`,
  "empty objects": () => full("{}"),
  "numbers": () => full("1"),
  "objects of their own shape": () => full((i) => `{"a${i}":{"b${i}":0}}`),
  "a frame's share of such objects": () =>
    `[${Array.from({ length: 16_384 }, (_, i) => `{"a${i}":{"b${i}":[[[[0]]]]}}`)}]`,
  "one object of many fields": () => full((i) => `"a${i}":0`, "{", "}"),
  "many fields in each request": () =>
    full((i) => `{"action":"heartbeat",${Array.from({ length: 60 }, (_, j) => `"${i}a${j}":0`)}}`),
  "names that collide": () => full((i) => `"${colliding(i)}":0`, "{", "}"),
  "known positions that collide": () =>
    full((i) => `"${colliding(i)}":0`, '{"action":"hello","id":1,"known":{', "}}"),
  "gets of topics that collide": () =>
    requests((id) => ({ action: "get", id, topic: `public.${colliding(id)}` })),
  "puts into topics that collide": () => requests((id) => put(id, colliding(id))),
  "waits with ids that collide": () =>
    requests((i) => ({ action: "get_wait", id: i * 65_536, topic: "public.t", timeout: 1 }), 9000),
  "numbers as messages": () => full('{"action":"put","topic":"public.t","message":1.50}'),
  "a number beside a bomb": () =>
    full((i) => `[${i}]`, '{"action":"put","topic":"public.t","message":1.50,"a":[', "]}"),
  "a list of a million messages": () =>
    full('""', '{"action":"put","id":1,"topic":"public.t","bodies":[', "]}"),
  "the longest list": () =>
    JSON.stringify({
      ...put(1),
      body: undefined,
      bodies: Array(16_384).fill("x".repeat(180)),
    }),
  "the same, beyond ASCII": () =>
    JSON.stringify({ ...put(1), body: undefined, bodies: Array(16_384).fill("é".repeat(90)) }),
  "large messages": () =>
    JSON.stringify([1, 2, 3].map((id) => ({ ...put(id), body: "\0".repeat(160_000) }))),
  "long topics": () => JSON.stringify([put(1, "é".repeat(700_000)), put(2, "é".repeat(700_000))]),
  "a long action, a long id, a long number": () =>
    `[{"action":"${"a".repeat(1e6)}","id":1},{"action":"get","id":"${
      "1".repeat(9e5)
    }"},{"action":"put","topic":"t","message":${"1".repeat(9e5)}}]`,
  "escaped names": () =>
    full('{"\\u0061\\u0063\\u0074\\u0069\\u006f\\u006e":"\\u0067\\u0065\\u0074"}'),
  "quotes and backslashes": () =>
    `[{"action":"put","id":1,"topic":"public.t","body":"${'\\"\\\\'.repeat(LARGE / 4 - 50)}"}]`,
  "control requests": () => full('{"action":"cancel","wait":1}'),
  "heartbeats with an id": () => full((i) => `{"action":"heartbeat","id":${i}}`),
  "headers with names of their own": () =>
    full((i) => {
      const headers = Array.from({ length: 64 }, (_, j) => `"${i}h${j}":""`);
      return `{"action":"put","id":${i},"topic":"public.t","body":"m","attributes":{"headers":{${headers}}}}`;
    }),
  "as many of them in a request as may be": () =>
    full((i) => {
      const one = (k: number) =>
        `{"headers":{${Array.from({ length: 60 }, (_, j) => `"${i}-${k}h${j}":""`)}}}`;
      const lists = [Array(64).fill('"m"'), Array.from({ length: 64 }, (_, k) => one(k))];
      return `{"action":"put","id":${i},"topic":"public.t","bodies":[${lists[0]}],"attributes":[${
        lists[1]
      }]}`;
    }),
  "attributes of more fields than may be": () =>
    full((i) => `"${i}":0`, '{"action":"put","id":1,"topic":"public.t","attributes":{', "}}"),
  "a list of attributes that are none": () =>
    full("[]", '{"action":"put","id":1,"topic":"public.t","bodies":["m"],"attributes":[', "]}"),
  "topics": () => requests((id) => ({ action: "topics", id, prefix: "", count: 1 })),
  "gets of dsmq 1.x that are refused": () => full('{"action":"get"}'),
  "invalid requests, written with spaces": () => full(" [ ] "),
  "white space": () => `[${" ".repeat(LARGE)}]`,
  "not JSON at its end": () => requests((id) => put(id)).slice(0, -1) + "x]",
  "gets that all have a reply": () => requests((id) => ({ action: "get", id, topic: "public.t" })),
};
