/**
 * Opening a log in NATS: logins and TLS, and that nobody is shown them.
 *
 * @module
 */

import { nkeys } from "@nats-io/transport-node";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FakeNatsServer } from "../../support/fake_nats_server.ts";
import { freePort } from "../../support/free_port.ts";
import { ignoredIf } from "../../support/ignored_if.ts";
import { record } from "../../support/log_records.ts";
import { assertRefused, openAt } from "../../support/nats_logs.ts";
import { NatsServer, noNats } from "../../support/nats_server.ts";
import { ROOT } from "../../support/program.ts";

const SECRET = "Geh+eim/42?";
const ENCODED = encodeURIComponent(SECRET);
const CERT = new URL("tests/fixtures/localhost_cert.pem", ROOT).pathname;
const KEY = new URL("tests/fixtures/localhost_key.pem", ROOT).pathname;

function assertNoSecret(value: unknown): void {
  const text = typeof value === "string" ? value : Deno.inspect(value, { depth: 20 });
  for (const part of [SECRET, ENCODED, "Geh"]) assert(!text.includes(part), text);
}

Deno.test({
  ...ignoredIf(noNats, "a user with a password opens a log, and nobody is shown either"),
  async fn() {
    await using server = await NatsServer.start({
      config: `authorization { user: me, password: "${SECRET}" }`,
    });
    await using log = await openAt(`nats://me:${ENCODED}@${server.host}/orders`);
    await log.append(record("a"));
    assertEquals(log.description, `nats://${server.host}/orders`);
    assertNoSecret(log);
    for (const login of [`me:${ENCODED}x@`, `${ENCODED}@`, `${ENCODED}:me@`, ""]) {
      const message = await assertRefused(`nats://${login}${server.host}/orders`, "unusable");
      assertEquals(
        message,
        `Cannot reach nats://${server.host}/orders: NATS refuses the login`,
      );
    }
  },
});

Deno.test({
  ...ignoredIf(noNats, "a token opens a log, and nobody is shown it"),
  async fn() {
    await using server = await NatsServer.start({ config: `authorization { token: "${SECRET}" }` });
    await using log = await openAt(`nats://${ENCODED}@${server.host}/orders`);
    await log.append(record("a"));
    assertNoSecret(log);
    assertNoSecret(await assertRefused(`nats://${ENCODED}x@${server.host}/orders`, "unusable"));
  },
});

Deno.test("a server that cannot be reached is told without the login", async () => {
  const server = `127.0.0.1:${freePort()}`;
  for (const login of [`me:${ENCODED}@`, `${ENCODED}@`]) {
    assertNoSecret(await assertRefused(`nats://${login}${server}/orders`, "unavailable", 100));
  }
});

Deno.test({
  ...ignoredIf(noNats, "one server of several that refuses the login does not end the process"),
  async fn() {
    await using server = await NatsServer.start({ config: "authorization { token: other }" });
    // The order of servers is random, and so is whether the refusal arrives before the reset.
    for (let attempt = 0; attempt < 20; attempt++) {
      const url = `nats://${ENCODED}@127.0.0.1:${freePort()},${server.host}/orders`;
      assertNoSecret(await assertRefused(url, "unusable"));
    }
  },
});

Deno.test("credentials are read from their file, and sign what the server asks", async () => {
  await using folder = await TemporaryFolder.make();
  const user = nkeys.createUser();
  const seed = new TextDecoder().decode(user.getSeed());
  const path = await folder.write(
    "Geheim.creds",
    `-----BEGIN NATS USER JWT-----\njwt.of.Geheim\n------END NATS USER JWT------\n\n` +
      `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
  );
  await using server = new FakeNatsServer({ nonce: "nonce", auth_required: true });
  const url = `nats://${server.host}/orders?credentials=${encodeURIComponent(path)}`;
  const message = await assertRefused(url, "unavailable", 1000);
  assertNoSecret(message);
  const [{ jwt, sig } = {}] = server.connects;
  assertEquals(jwt, "jwt.of.Geheim");
  const signature = nkeys.decode(String(sig));
  assert(user.verify(new TextEncoder().encode("nonce"), signature));
});

Deno.test("a file that is not there, or something else, is told by its parameter", async () => {
  await using folder = await TemporaryFolder.make();
  const path = encodeURIComponent(await folder.write("Geheim", SECRET));
  const server = `127.0.0.1:${freePort()}`;
  const expected = {
    [`credentials=${path}`]: /: the file of credentials must have a JWT and a seed/,
    [`credentials=${path}x`]: /: the file of credentials cannot be read: NotFound$/,
    [`ca=${path}`]: /: the file of ca must be PEM$/,
    [`ca=${path}x`]: /: the file of ca cannot be read: NotFound$/,
    [`cert=${path}&key=${path}`]: /: the file of cert must be PEM$/,
    [`cert=${encodeURIComponent(CERT)}&key=${path}`]: /: the file of key must be PEM$/,
  };
  for (const [query, error] of Object.entries(expected)) {
    const message = await assertRefused(`nats://${server}/orders?${query}`, "unusable");
    assertMatch(message, error);
    assertNoSecret(message);
  }
});

Deno.test({
  ...ignoredIf(
    noNats,
    "TLS works with an authority, and is refused without, or if it is not offered",
  ),
  async fn() {
    const tls = `cert_file: "${CERT}", key_file: "${KEY}"`;
    await using server = await NatsServer.start({ config: `tls { ${tls} }` });
    const ca = `ca=${encodeURIComponent(CERT)}`;
    await using log = await openAt(`tls://${server.host}/orders?${ca}`);
    await log.append(record("a"));
    assertEquals(log.description, `tls://${server.host}/orders`);
    assertMatch(
      await assertRefused(`tls://${server.host}/orders`, "unusable"),
      /^Cannot reach tls:\/\/127\.0\.0\.1:\d+\/orders: TLS fails: [A-Z_]+$/,
    );
    await using plain = await NatsServer.start();
    assertMatch(
      await assertRefused(`tls://${plain.host}/orders?${ca}`, "unusable"),
      /: the server does not offer TLS$/,
    );
  },
});

Deno.test({
  ...ignoredIf(
    noNats,
    "a client shows its certificate where the server wants one, also before it is greeted",
  ),
  async fn() {
    const files = `cert_file: "${CERT}", key_file: "${KEY}", ca_file: "${CERT}", verify: true`;
    const query = `ca=${encodeURIComponent(CERT)}&cert=${encodeURIComponent(CERT)}` +
      `&key=${encodeURIComponent(KEY)}`;
    for (const [mode, setting] of [["required", "false"], ["first", "true"]]) {
      await using server = await NatsServer.start({
        config: `tls { ${files}, handshake_first: ${setting} }`,
      });
      await using log = await openAt(`tls://${server.host}/orders?tls=${mode}&${query}`);
      await log.append(record("a"));
    }
  },
});

/** A folder for a test. */
class TemporaryFolder implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async make(): Promise<TemporaryFolder> {
    return new TemporaryFolder(await Deno.makeTempDir());
  }

  /** Writes a file; returns its path. */
  async write(name: string, text: string): Promise<string> {
    const path = `${this.#path}/${name}`;
    await Deno.writeTextFile(path, text);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}
