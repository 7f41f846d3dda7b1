/**
 * Values on the command line: an error states what must be and what was seen, with the option's own name and code 2,
 * before any server is contacted.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { openServer } from "../support/open_server.ts";
import { runCommands } from "../support/run_commands.ts";

const PORT = "must be a whole number from 1 to 65535";
const TIME = "must be a duration such as 600, 90s, 10m or 2h, from 0 to 2147483647ms";
const HOST = "Cannot connect: --host must be only an address or a name";
const URL_FORM =
  "Cannot connect: --url must be a host, a host and port, or a ws:// or wss:// address";

/** Arguments, and their error. */
const WRONG: readonly (readonly [args: readonly string[], message: string])[] = [
  ...[
    "abc",
    "0",
    "70000",
    "-1",
    "1.5",
    "0x10",
    "1e3",
    " 80",
    "80 ",
    "+80",
    "٣",
    "99999999999999999999",
  ].flatMap((port) =>
    ["put", "tail", "topics", "shutdown", "bench"].map((command) =>
      [
        [command, ...command === "put" || command === "tail" ? ["t"] : [], "--port", port],
        `--port ${PORT}, got ${JSON.stringify(port)}`,
      ] as const
    )
  ),
  [["serve", "--port", "65536"], '--port must be a whole number from 0 to 65535, got "65536"'],
  [["127.0.0.1", "65536"], 'PORT must be a whole number from 0 to 65535, got "65536"'],
  [["serve", "localhost", "abc"], 'PORT must be a whole number from 0 to 65535, got "abc"'],
  ...["-5", "5x", "1e9d", "Infinity", "NaN", "1,5", "1w", "99999d", "1e3", "m", ".5s"].map((
    time,
  ) =>
    [["wait", "t", "--timeout", time], `--timeout ${TIME}, got ${JSON.stringify(time)}`] as const
  ),
  // A part of a millisecond is not rounded away.
  ...["1.5ms", "0.0001", "0.0001s", `1.${"0".repeat(30)}1d`].flatMap((time) => {
    const named = (option: string, range: string) =>
      `${option} must be a duration such as 600, 90s, 10m or 2h, ${range}, got ${
        JSON.stringify(time)
      }; it must be whole milliseconds`;
    return [
      [["wait", "t", "--timeout", time], named("--timeout", "from 0 to 2147483647ms")],
      [["put", "t", "m", "--delay", time], named("--delay", "from 0 to 30d")],
      [["serve", "--retention", time], named("--retention", "from 1ms to 9007199254740991ms")],
    ] as [string[], string][];
  }),
  ...Object.entries({ "5 s": "5s", "10min": "10m", "1h30m": "90m", "10M": "10m", "2 hours": "2h" })
    .map(([time, meant]) =>
      [
        ["wait", "t", "--timeout", time],
        `--timeout ${TIME}, got "${time}"; did you mean ${meant}?`,
      ] as const
    ),
  [
    ["serve", "--retention", "0"],
    '--retention must be a duration such as 600, 90s, 10m or 2h, from 1ms to 9007199254740991ms, got "0"',
  ],
  [
    ["serve", "--max-auth-timeout", "365d"],
    '--max-auth-timeout must be a duration such as 600, 90s, 10m or 2h, from 1ms to 2147483647ms, got "365d"',
  ],
  [
    ["tail", "t", "--count", "-1"],
    '--count must be a whole number from 0 to 9007199254740991, got "-1"',
  ],
  [
    ["tail", "t", "--count", "ten"],
    '--count must be a whole number from 0 to 9007199254740991, got "ten"',
  ],
  [["bench", "--size", "64k"], '--size must be a whole number from 0 to 33554430, got "64k"'],
  [
    ["bench", "--size", "99999999999"],
    '--size must be a whole number from 0 to 33554430, got "99999999999"',
  ],
  [
    ["tail", "t", "--on-gap", "older"],
    '--on-gap must be oldest, now or stop, got "older"; did you mean oldest?',
  ],
  [["purge", "t", "--before", ""], "--before needs a value, WHEN"],
  [["purge", "t", "--before="], "--before needs a value, WHEN"],
  [["tail", "t", "--on-gap", ""], "--on-gap needs a value, WHAT"],
  [
    ["serve", "--max-connections", "0"],
    '--max-connections must be a whole number from 1 to 9007199254740991, got "0"',
  ],
  [
    ["serve", "--max-stored-bytes", "1GB"],
    '--max-stored-bytes must be a whole number from 1 to 9007199254740991, got "1GB"',
  ],
  [
    ["serve", "--max-message-bytes", "9", "--max-credit-bytes", "5"],
    "Cannot serve: --max-message-bytes must be at most --max-credit-bytes, which is 5, got 9",
  ],
  [
    ["serve", "--max-credit-bytes", "5"],
    "Cannot serve: --max-credit-bytes must be at least --max-message-bytes, which is 1000000, got 5",
  ],
  [
    ["serve", "--overflow", "drop"],
    '--overflow must be reject or drop-oldest, got "drop"; did you mean drop-oldest?',
  ],
  [
    ["serve", "--durability", "Disk"],
    '--durability must be disk or process, got "Disk"; did you mean disk?',
  ],
  [
    ["serve", "--durability", "quorum", "--store", "sqlite:q.db"],
    '--durability must be disk or process, got "quorum"',
  ],
  [
    ["serve", "--durability", "disk"],
    'Cannot serve: --durability must be left out unless --store is "sqlite:PATH", because messages in memory survive nothing, got "disk"',
  ],
  [
    ["serve", "--durability", "process", "--store", "memory"],
    'Cannot serve: --durability must be left out unless --store is "sqlite:PATH", because messages in memory survive nothing, got "process"',
  ],
  [
    ["serve", "--transport", "hardend"],
    '--transport must be builtin or hardened, got "hardend"; did you mean hardened?',
  ],
  [
    ["serve", "--engine", "sqlite"],
    '--engine must be auto, @db/sqlite or node:sqlite, got "sqlite"',
  ],
  [
    ["serve", "--store", "disk"],
    'Cannot serve: --store must be "memory", "sqlite:PATH" or "nats://SERVER/NAME", got "disk"',
  ],
  [
    ["serve", "--store", "q.db"],
    'Cannot serve: --store must be "memory", "sqlite:PATH" or "nats://SERVER/NAME", got "q.db"; did you mean "sqlite:q.db"?',
  ],
  [
    ["serve", "--store", "sqlite://q.db"],
    'Cannot serve: --store must be "sqlite:PATH", without slashes before the path: sqlite:queue.db, or sqlite:/var/lib/queue.db, got "sqlite://q.db"',
  ],
  [
    ["serve", "--host", "a b"],
    'Cannot serve: --host must be an address or a name, got "a b": a name has letters, digits, dots and hyphens',
  ],
  [
    ["serve", "4000"],
    'Cannot serve: HOST must be an address or a name, got "4000": a number is not an address, and the port is a separate option',
  ],
  [
    ["get", "t", "--host", "4000"],
    `${HOST}: a number is not a host, and the port is a separate option, got "4000"`,
  ],
  [
    ["127.0.0.1:80"],
    'Cannot serve: HOST must be an address or a name, got "127.0.0.1:80": the port is a separate option',
  ],
  [
    ["serve", "--host", "me:s3cret@h"],
    'Cannot serve: --host must be an address or a name, got "…@h": it has the name of a user, which is for clients',
  ],
  [
    ["serve", "--allow-origin", "a.test"],
    'Cannot serve: --allow-origin must be a list of origins such as "https://example.org", got one with "a.test": it has no scheme such as https://',
  ],
  [
    ["serve", "--allow-host", "a,,b"],
    'Cannot serve: --allow-host must be a list of names such as "mq.example.org", got one with "": it is neither a name nor an address',
  ],
  [
    ["serve", "--allow-origin", "https://me:s3cret@h"],
    'Cannot serve: --allow-origin must be a list of origins such as "https://example.org", got one with "https://…@h": an origin is a scheme, a host and perhaps a port, and no more',
  ],
  ...[["serve", "--key"], ["serve", "--token-file"], ["get", "t", "--token-file"]].map((args) =>
    [
      [...args.slice(0, -1), `${args.at(-1)}=-----BEGIN s3cret\n`],
      `${args.at(-1)} must be the path of a file, got several lines`,
    ] as const
  ),
  ...["256.1.1.1", "1.2.3.4.5"].map((host) =>
    [
      ["serve", "--host", host],
      `Cannot serve: --host must be an address or a name, got "${host}": it is not an IPv4 address`,
    ] as const
  ),
  ...["127.0.0.1 ", "a\nb", " h"].map((host) =>
    [
      ["serve", "--host", host],
      `Cannot serve: --host must be an address or a name, got ${
        JSON.stringify(host)
      }: a name has letters, digits, dots and hyphens`,
    ] as const
  ),
  [["serve", "--cert", "c.pem"], "TLS needs --cert and --key: --key is missing"],
  [["serve", "--key", "k.pem"], "TLS needs --cert and --key: --cert is missing"],
  [
    ["get", "t", "--host", "127.0.0.1:5"],
    `${HOST}: the port is a separate option, got "127.0.0.1:5"`,
  ],
  ...["ws://h", "*", "a,b", "a\nb", "h ", "%31", "h:"].map((host) =>
    [["get", "t", "--host", host], `${HOST}, got ${JSON.stringify(host)}`] as const
  ),
  [["get", "t", "--host", "me:s3cret@h"], `${HOST}, got "…@h"`],
  [
    ["get", "t", "--host", "::1%lo"],
    `${HOST}, and an IPv6 zone (%) is not allowed in the address of a WebSocket, got "::1%lo"`,
  ],
  [["get", "t", "--host", "[::1"], `${HOST}, got "[::1"`],
  [["get", "t", "--url", "4000"], `${URL_FORM} such as "127.0.0.1:4000", got "4000"`],
  [["get", "t", "--url", ":4000"], `${URL_FORM} such as "127.0.0.1:4000", got ":4000"`],
  [
    ["get", "t", "--url", "localhost:"],
    `${URL_FORM} with a port from 1 to 65535, got "localhost:"`,
  ],
  [["get", "t", "--url", "wss:h"], `${URL_FORM} such as "wss://h", got "wss:h"`],
  ...["ftp://h", "ws:///h", "ws://", "ws://*", "ws://a,b", "ws://h\n:5"].map((url) =>
    [["get", "t", "--url", url], `${URL_FORM}, got ${JSON.stringify(url)}`] as const
  ),
  [["get", "t", "--url", "ws:\\\\h"], `${URL_FORM} such as "ws://h", got "ws:\\\\\\\\h"`],
  [
    ["get", "t", "--url", "ws://h:70000"],
    `${URL_FORM} with a port from 1 to 65535, got "ws://h:70000"`,
  ],
  [["get", "t", "--url", "ws://h:0"], `${URL_FORM} with a port from 1 to 65535, got "ws://h:0"`],
  [["get", "t", "--url", "ws://h/#t"], `${URL_FORM} without a #, got "ws://h/#…"`],
  [["get", "t", "--url", "me:s3/cret@h:1"], `${URL_FORM}, got "h:1"`],
  [["get", "t", "--url", "http//h?token=s3cret"], `${URL_FORM}, got "http//h?…"`],
  [
    ["get", "t", "--url", "ws://h", "--port", "5"],
    "use --url, or --host and --port, not both: got --url and --port",
  ],
  [
    ["get", "t", "--url", "ws://h", "--host", "h"],
    "use --url, or --host and --port, not both: got --url and --host",
  ],
  [["tail", "a", "b", "a"], 'tail takes each topic once, got "a" twice'],
  [["topics", "a\nb"], 'a topic has no control characters, got "a\\nb"'],
  ...[["put", "m"], ["get"], ["latest"], ["wait"], ["tail", "t"]].flatMap(([command, ...more]) => [
    [[command!, "", ...more], 'a topic has at least one character, got ""'] as const,
    [[command!, "a\nb", ...more], 'a topic has no control characters, got "a\\nb"'] as const,
    [
      [command!, "t".repeat(5000), ...more],
      `the topic is 5000 bytes, the limit is 4096, got "${"t".repeat(64)}"`,
    ] as const,
  ]),
];

Deno.test("an invalid value is reported with what must be and what was seen, and code 2", async () => {
  const ends = await runCommands(WRONG.map(([args]) => args));
  for (const [i, [args, message]] of WRONG.entries()) {
    const { code, stdout, stderr } = ends[i]!;
    const [, printed] = /^dsmq: (.*) \(see dsmq [a-z]+ --help\)$/.exec(stderr) ??
      [, stderr];
    assertEquals([printed, code, stdout], [message, 2, ""], args.join(" "));
  }
});

Deno.test("a topic that is too long for its server is wrong usage, too, and no line is read for it", async () => {
  await using server = await openServer();
  const topic = "t".repeat(300);
  const at = ["--url", server.url];
  const commands = [["put", topic, "m"], ["put", topic], ["get", topic], ["wait", topic], [
    "tail",
    topic,
  ]];
  for (const { code, stderr } of await runCommands(commands.map((args) => [...args, ...at]))) {
    const messageOf =
      /^dsmq: Cannot (put|get|subscribe): the topic is 300 bytes, the limit is 256 \(/;
    assertEquals([code, messageOf.test(stderr)], [2, true], stderr);
  }
});
