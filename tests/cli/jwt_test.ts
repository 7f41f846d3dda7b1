/**
 * JSON Web Tokens on the command line: `dsmq token` signs them, and `dsmq serve` accepts them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { connect } from "@dsmq/server";
import { failure } from "../auth/auth_support.ts";
import { claims, jwksServer, type Keys, keysFor, SECRET, signed } from "../auth/jwt_support.ts";
import { Program } from "../support/program.ts";
import { runCommands } from "../support/run_commands.ts";
import { withTimeout } from "../support/with_timeout.ts";

const ALLOW = ["--allow-net", "--allow-env=DSMQ_JWT_SECRET", "--allow-read", "--allow-sys"];

/** A folder of a test. */
async function folder() {
  const path = await Deno.makeTempDir();
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(`${path}/${name}`, text, { mode: 0o600 });
    return `${path}/${name}`;
  };
  return { write, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** A server of the command line. */
async function served(...args: string[]) {
  const server = new Program(["-A", "cli.ts", "serve", "--port", "0", "--json", ...args]);
  const { url, token } = JSON.parse(await withTimeout(server.line()) ?? "null");
  return { server, url, token, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

Deno.test("dsmq token prints a token and nothing else, which permits what its options say", async () => {
  await using dir = await folder();
  const file = await dir.write("secret", `${SECRET}\nan older secret of at least 32 bytes\n`);
  const by = ["--secret-file", file];
  const outcomes = await runCommands([
    ["token", ...by, "--read", "news.*"],
    [
      "token",
      ...by,
      "--read",
      "news.*, today",
      "--write",
      "orders",
      "--work",
      "jobs.*",
      "--admin",
      "--for",
      "90s",
    ],
    ["token", "--read", "*", "--sub", "ada", "--issuer", "app", "--audience", "mq"],
    ["token", "--secret", SECRET, "--write", "*", "--for", "1500ms"],
  ], { allow: ALLOW, env: { DSMQ_JWT_SECRET: SECRET } });
  const now = Math.floor(Date.now() / 1000);
  const expected: [unknown, number, object][] = [
    [{ permissions: ["read"], prefixes: ["news."] }, 3600, {}],
    [
      [
        { permissions: ["read"], topics: ["today"], prefixes: ["news."] },
        { permissions: ["write"], topics: ["orders"] },
        { permissions: ["work"], prefixes: ["jobs."] },
        { permissions: ["admin"] },
      ],
      90,
      {},
    ],
    [{ permissions: ["read"] }, 3600, { sub: "ada", iss: "app", aud: "mq" }],
    [{ permissions: ["write"] }, 2, {}],
  ];
  for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
    assertEquals([code, stderr], [0, ""]);
    const [, token] = /^(\S+)\n?$/.exec(stdout) ?? [];
    const [dsmq, seconds, more] = expected[i]!;
    const { exp, iat, ...others } = decodeJwt(token!);
    assertEquals(others, { dsmq, ...more });
    assert(Math.abs(exp! - now - seconds) <= 10 && Math.abs(iat! - now) <= 10, `${exp} ${iat}`);
    assertEquals(decodeProtectedHeader(token!), { alg: "HS256", typ: "JWT" });
    await jwtVerify(token!, new TextEncoder().encode(SECRET), {
      ...(i === 2 && { audience: "mq" }),
    });
  }
});

Deno.test("what is wrong with the arguments of dsmq token is said without a secret", async () => {
  await using dir = await folder();
  const short = await dir.write("short", `${SECRET}\ns3cret\n`);
  const empty = await dir.write("empty", "\n");
  const comment = await dir.write(
    "comment",
    `# the secret of the server, since January: s3cret\n${SECRET}\n`,
  );
  const read = ["token", "--read", "t"];
  const secret = ["--secret", SECRET];
  const cases: [string[], number, string][] = [
    [
      ["token", ...secret],
      2,
      "say what the token permits: --read TOPICS, --write TOPICS, --work TOPICS or --admin",
    ],
    [read, 2, "set a secret with --secret-file, DSMQ_JWT_SECRET or --secret"],
    [
      [...read, "--secret", "s3cret"],
      2,
      "--secret must be a secret of at least 32 bytes, got one of 6 bytes",
    ],
    [[...read, ...secret, "--secret-file", short], 2, "use --secret or --secret-file, not both"],
    [
      [...read, "--secret-file", short],
      1,
      "line 2: it must be a secret of at least 32 bytes, got one of 6 bytes",
    ],
    [
      [...read, "--secret-file", comment],
      1,
      "line 1: it must be a secret of at least 32 bytes, got one that begins with # (a file of secrets has no comments)",
    ],
    [[...read, "--secret-file", empty], 1, "it must hold a secret, got none"],
    [[...read, "--secret-file", "/none"], 1, "Cannot read /none: no such file"],
    [
      ["token", ...secret, "--read", "a,,b"],
      2,
      "--read must be topics such as orders,news.*: one is empty",
    ],
    [
      ["token", ...secret, "--write", "a*b"],
      2,
      "--write must be topics such as orders,news.*: a * must be the last character",
    ],
    [
      [...read, ...secret, "--for", "0"],
      2,
      "--for must be a duration such as 600, 90s, 10m or 2h, from 1s to 3650d",
    ],
    [[...read, ...secret, "--for", "soon"], 2, "--for must be a duration"],
    [
      ["token", ...secret, "--read", Array.from({ length: 2000 }, (_, i) => `topic${i}`).join()],
      1,
      "it must be 1 to 8192 visible characters of ASCII, got one of",
    ],
  ];
  const outcomes = await runCommands(cases.map(([args]) => args), { allow: ALLOW });
  for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
    const [args, expected, sentence] = cases[i]!;
    assertEquals([code, stdout], [expected, ""], args.join(" ") + stderr);
    assertStringIncludes(stderr, sentence);
    assert(!stderr.includes("s3cret") && !stderr.includes(SECRET), stderr);
  }
});

Deno.test("a server accepts the tokens of dsmq token, and at SIGHUP those of another secret", async () => {
  await using dir = await folder();
  const file = await dir.write("secret", `${SECRET}\n`);
  await using running = await served("--jwt-secret-file", file);
  assertEquals(running.token, true);
  const sign = async () => {
    const args = ["token", "--secret-file", file, "--read", "*", "--write", "orders"];
    const [outcome] = await runCommands([args], { allow: ALLOW });
    assertEquals(outcome!.stderr, "");
    return outcome!.stdout.trim();
  };
  const token = await sign();
  await using mq = await connect(running.url, { token, reconnect: false });
  assert(await mq.put("orders", "m") > 0);
  assertEquals((await failure(mq.put("other", "m"))).code, "permission_denied");
  assertEquals((await failure(connect(running.url))).code, "unauthorized");

  // First both secrets, then the new one alone.
  await dir.write("secret", `a new secret that has 32 bytes, too\n${SECRET}\n`);
  running.server.child.kill("SIGHUP");
  const reloaded = `dsmq: reloaded ${file}`;
  /** The next line of its log that is not about a refused request: those may come later. */
  const nextLine = async (): Promise<string> => {
    const line = await withTimeout(running.server.errorLine()) ?? "the end";
    return line.startsWith("dsmq: refused a request") ? await nextLine() : line;
  };
  assertMatch(await nextLine(), / listens on /);
  assertEquals(await nextLine(), reloaded);
  assertEquals(await mq.get("t"), "");
  const renewed = await sign();
  await using newer = await connect(running.url, { token: renewed });
  await dir.write("secret", "a new secret that has 32 bytes, too\n");
  running.server.child.kill("SIGHUP");
  const closed = "dsmq: closed a connection from 127.0.0.1: its token is no longer valid";
  assertEquals([await nextLine(), await nextLine()], [closed, reloaded]);
  assertEquals((await failure(mq.get("t"))).code, "unauthorized");
  assert(await newer.put("orders", "m") > 0);

  await dir.write("secret", "short\n");
  running.server.child.kill("SIGHUP");
  assertMatch(
    await nextLine(),
    /line 1: it must be a secret of at least 32 bytes, got one of 5 bytes; the tokens are unchanged$/,
  );
  assert(await newer.put("orders", "m") > 0);
});

Deno.test("a server takes keys from files and an address, beside a token, with issuer and audience", async () => {
  await using dir = await folder();
  const [rsa, ec, remote] = await Promise.all([
    keysFor("RS256"),
    keysFor("ES256"),
    keysFor("ES256"),
  ]) as [Keys, Keys, Keys];
  await using keys = jwksServer(() => Response.json({ keys: [remote.jwk] }));
  const now = Date.now();
  const must = { iss: "app", aud: "mq" };
  const files = [
    await dir.write("key.pem", rsa.pem),
    await dir.write("jwk", JSON.stringify(ec.jwk)),
  ];
  for (const [i, by] of [rsa, ec].entries()) {
    await using running = await served(
      ...["--jwt-key-file", files[i]!, "--jwt-jwks", keys.url, "--token", "listed"],
      ...["--jwt-issuer", "app", "--jwt-audience", "mq"],
    );
    for (
      const token of [
        "listed",
        await signed(claims(now, must), by),
        await signed(claims(now, must), remote),
      ]
    ) {
      await using mq = await connect(running.url, { token });
      assertEquals(await mq.get("t"), "");
    }
    for (const wrong of [{}, { ...must, aud: "others" }, { ...must, iss: "others" }]) {
      const token = await signed(claims(now, wrong), by);
      assertEquals((await failure(connect(running.url, { token }))).code, "unauthorized");
    }
  }
});

Deno.test("a secret or an option that cannot be used keeps a server from starting, and is named", async () => {
  await using dir = await folder();
  const short = await dir.write("short", "s3cret");
  const cases: [string[], number, string][] = [
    [
      ["--jwt-secret-file", short],
      1,
      "line 1: it must be a secret of at least 32 bytes, got one of 6 bytes",
    ],
    [["--jwt-jwks", "http://keys.test/"], 2, "--jwt-jwks must be an https: address"],
    [
      ["--jwt-issuer", "app"],
      2,
      "--jwt-issuer needs --jwt-secret-file, --jwt-key-file or --jwt-jwks",
    ],
    [["--jwt-audience", "mq"], 2, "--jwt-audience needs --jwt-secret-file"],
  ];
  const commands = cases.map(([args]) => ["serve", "--port", "0", ...args]);
  const outcomes = await runCommands(commands, { allow: [...ALLOW, "--allow-env"] });
  for (const [i, { code, stderr }] of outcomes.entries()) {
    const [args, expected, sentence] = cases[i]!;
    assertStringIncludes(stderr, sentence);
    assertEquals(code, expected, args.join(" ") + stderr);
    assert(!stderr.includes("s3cret"), stderr);
  }
});
