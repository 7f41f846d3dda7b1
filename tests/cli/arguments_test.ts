/**
 * How the command line parses its arguments: an error is reported in one line, with code 2, before anything is done.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { readArguments } from "../../cli/read_arguments.ts";
import { type CliCommand, UsageError } from "../../cli/command.ts";
import { chooseCommand } from "../../cli/commands.ts";
import { nearestWord } from "../../cli/did_you_mean.ts";
import { runCommands } from "../support/run_commands.ts";

/** What follows when no option has a similar name. */
const BEGINS_WITH_A_DASH = "put an argument that begins with a dash after --";

const COMMAND: CliCommand = {
  usage: "TOPIC [MESSAGE]",
  summary: "",
  positionals: [1, 2],
  options: {
    "port": { value: "PORT", help: "" },
    "token": { value: "TOKEN", help: "" },
    "json": { help: "" },
  },
  run: () => Promise.resolve(0),
};

Deno.test("wrong usage is reported in one line, with code 2 and the help to look at", async () => {
  const cases: readonly (readonly [args: string, message: string, help?: string])[] = [
    ["bogus", 'there is no command "bogus"'],
    ["gte t", 'there is no command "gte"; did you mean get?'],
    ["gte 5", 'there is no command "gte"; did you mean get?'],
    ["Put t m", 'there is no command "Put"; did you mean put?'],
    ["subscribe t", 'there is no command "subscribe"'],
    ["4000", 'there is no command "4000"; to set the port, use --port 4000'],
    ["--port 30010 gte t", 'there is no command "gte"; did you mean get?', "serve"],
    ["-- bogus", 'there is no command "bogus"'],
    ["-- put t", "the command put must come before --"],
    ["help bogus", 'there is no command "bogus"'],
    ["help tial", 'there is no command "tial"; did you mean tail?'],
    ["help put get", "help takes [COMMAND], got 2 arguments"],
    ["get t --bogus", `get has no option --bogus; ${BEGINS_WITH_A_DASH}`, "get"],
    ["get t --bogus=1", `get has no option --bogus; ${BEGINS_WITH_A_DASH}`, "get"],
    ["get t --sicne now", "get has no option --sicne; did you mean --since?", "get"],
    ["get t -since now", "get has no option -since; did you mean --since?", "get"],
    ["get t --Since now", "get has no option --Since; did you mean --since?", "get"],
    ["put t m --token_file F", "put has no option --token_file; did you mean --token-file?", "put"],
    ["--prot 1 put t m", "put has no option --prot; did you mean --port?", "put"],
    ["--retention 5s put t m", `put has no option --retention; ${BEGINS_WITH_A_DASH}`, "put"],
    ...["put t", "latest t", "wait t", "tail t", "topics", "purge t", "backup f"].map((args) => {
      const name = args.split(" ")[0]!;
      return [
        `${args} --unknown`,
        `${name} has no option --unknown; ${BEGINS_WITH_A_DASH}`,
        name,
      ] as const;
    }),
    // None of their arguments may begin with a dash.
    ...["serve", "disconnect x", "connections", "token", "shutdown", "bench", "demo"].map(
      (args) => {
        const name = args.split(" ")[0]!;
        return [`${args} --unknown`, `${name} has no option --unknown`, name] as const;
      },
    ),
    ["serve -x", "serve has no option -x", "serve"],
    ["serve --max-foo 1", "serve has no option --max-foo", "serve"],
    ["--foo", "serve has no option --foo", "serve"],
    ["token --port 1", "token has no option --port", "token"],
    ["token --fro 1h", "token has no option --fro; did you mean --for?", "token"],
    ["get t -p 1", "get has no option -p; did you mean --port?", "get"],
    [
      "serve --max-conections 5",
      "serve has no option --max-conections; did you mean --max-connections?",
      "serve",
    ],
    ["put t m --no-json", "put has no option --no-json: --json is off by default", "put"],
    ["put t m --help=no", '--help takes no value, got "no"', "put"],
    ["put t m --json=yes", '--json takes no value, got "yes"', "put"],
    ["put t m --json=false", '--json takes no value, got "false"', "put"],
    ["put t m --json=", '--json takes no value, got ""', "put"],
    ["serve --allow-shutdown=no", '--allow-shutdown takes no value, got "no"', "serve"],
    ["put t --json --json", "--json is given twice", "put"],
    ["get t --port 1 --port=1", "--port is given twice", "get"],
    ["get t --port", "--port needs a value, PORT", "get"],
    ["get t --port=", "--port needs a value, PORT", "get"],
    ["get t --port --json", "--port needs a value, PORT", "get"],
    ["get t --token -- x", "--token needs a value, TOKEN", "get"],
    ["get", "get needs TOPIC", "get"],
    ["tail --json", "tail needs TOPIC...", "tail"],
    [
      "put t a b",
      "put takes TOPIC [MESSAGE], got 3 arguments: put a message with spaces in quotes",
      "put",
    ],
    [
      "serve 127.0.0.1 0 --port 0",
      "give host and port as arguments or as options, not both",
      "serve",
    ],
    ["shutdown now", "shutdown takes no arguments, got 1 argument", "shutdown"],
  ];
  const ends = await runCommands(cases.map(([args]) => args.split(" ")));
  for (const [i, [args, message, help]] of cases.entries()) {
    const hint = help === undefined ? "dsmq --help" : `dsmq ${help} --help`;
    assertEquals(ends[i], {
      code: 2,
      stdout: "",
      stderr: `dsmq: ${message} (see ${hint})`,
    }, args);
  }
});

Deno.test("help and the version are shown on request, whatever else is wrong", async () => {
  const own = [
    "put --help",
    "help put",
    "--help put",
    "-h put",
    "put -h",
    "put --bogus --help",
    "put a b c --help",
    "--port 5 put --help",
  ];
  const versions = ["--version", "-V", "-v", "version", "put --version", "serve -V"];
  const all = ["--help", "-h", "help", "help help", "help --json"];
  const ends = await runCommands([...own, ...versions, ...all].map((args) => args.split(" ")));
  for (const [i, { code, stdout, stderr }] of ends.entries()) {
    assertEquals([code, stderr], [0, ""]);
    const expected = i < own.length
      ? /^Usage: dsmq put \[OPTIONS\] TOPIC \[MESSAGE\]\n/
      : i < own.length + versions.length
      ? /^dsmq \d+\.\d+\.\d+$/
      : /^dsmq, a dead simple message queue\n/;
    assertMatch(stdout, expected);
  }
});

Deno.test("numbers, texts and everything behind -- are words, even if they begin with a dash", () => {
  for (
    const word of ["-5", "-1.5e3", "-.5", "-", "- a list", "-x y", "---", "---x", "--5", "-->", ""]
  ) {
    assertEquals(readArguments("put", COMMAND, ["t", word, "--json"]).positionals, ["t", word]);
  }
  assertEquals(readArguments("put", COMMAND, ["--", "--json", "--"]).positionals, ["--json", "--"]);
  assertEquals(
    readArguments("put", COMMAND, ["--port=-5", "--token", "-t", "t"]).value("token"),
    "-t",
  );
  assertEquals(readArguments("put", COMMAND, ["t", "--token=a=b"]).value("token"), "a=b");
});

Deno.test("a command may come behind options, and is not taken from their values", async () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["--port 1 put t m", "put", "--port 1 t m"],
    ["--json --port=1 put t get", "put", "--json --port=1 t get"],
    ["--token get put t", "put", "--token get t"],
    ["--store put", "serve", "--store put"],
    ["--host get get t", "get", "--host get t"],
    ["--bogus put t", "put", "--bogus t"],
    ["--bogus 1 put t", "put", "--bogus 1 t"],
    ["--port 0 --json", "serve", "--port 0 --json"],
    ["localhost 0 --store put", "serve", "localhost 0 --store put"],
    ["--port 1 -- put", "serve", "--port 1 -- put"],
    ["put --port 1 get", "put", "--port 1 get"],
    ["myhost 30008", "serve", "myhost 30008"],
    ["10.0.0.1", "serve", "10.0.0.1"],
  ];
  for (const [args, name, rest] of cases) {
    const choice = await chooseCommand(args.split(" "));
    assertEquals([choice.name, choice.args.join(" ")], [name, rest], args);
  }
});

Deno.test("an argument that is not understood is not shown: it may be a token", () => {
  for (
    const args of [
      ["t", "m", "--tokn", "s3cr3t"],
      ["t", "m", "--tokn=s3cr3t"],
      ["t", "m", "--token:s3cr3t"],
      ["t", "m", "-t5s3cr3t"],
      ["t", "m", "s3cr3t"],
      ["t", "--token", "one", "--token", "s3cr3t"],
    ]
  ) {
    const { message } = assertThrows(() => readArguments("put", COMMAND, args), UsageError);
    assert(!message.includes("s3cr"), message);
  }
});

Deno.test("the suggested word differs by a few letters, or is longer", () => {
  const words = ["serve", "put", "get", "latest", "wait", "tail", "topics", "shutdown"];
  for (
    const [word, expected] of [
      ["sreve", "serve"],
      ["la", "latest"],
      ["TAIL", "tail"],
      ["shut", "shutdown"],
      ["topic", "topics"],
      ["gett", "get"],
    ]
  ) {
    assertEquals(nearestWord(word!, words), expected);
  }
  for (const word of ["x", "", "publish", "consume", "t".repeat(1e6)]) {
    assertEquals(nearestWord(word, words), undefined);
  }
});
