/**
 * Plain HTTP over TLS, over both transports: HTTP/1.1, and HTTP/2, which builtin has.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { listen as builtin } from "../../transports/deno.ts";
import { listen as hardened } from "../../transports/node.ts";
import type { Transport } from "../../transports/transport.ts";
import { curl, noCurl } from "../support/curl.ts";
import { ignoredIf } from "../support/ignored_if.ts";
import { ROOT } from "../support/program.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { standstill } from "../support/standstill.ts";
import { withTimeout } from "../support/with_timeout.ts";

const [cert, key] = ["cert", "key"].map((what) =>
  Deno.readTextFileSync(new URL(`tests/fixtures/localhost_${what}.pem`, ROOT))
) as [string, string];

const MIB = 1024 * 1024;

/** A port with TLS, and a client of this version of HTTP. */
async function open(listen: Transport, version: "1.1" | "2") {
  const opened = await OpenPort.with(listen, {}, { cert, key });
  const client = Deno.createHttpClient({
    caCerts: [cert],
    http1: version === "1.1",
    http2: version === "2",
  });
  const request = (init: RequestInit = {}) =>
    withTimeout(fetch(`https://localhost:${opened.port}/`, { ...init, client }));
  const stack = new AsyncDisposableStack();
  stack.use(opened);
  stack.use(client);
  return { opened, request, stack };
}

for (
  const [name, listen, version] of [
    ["builtin, HTTP/1.1", builtin, "1.1"],
    ["builtin, HTTP/2", builtin, "2"],
    ["hardened, HTTP/1.1", hardened, "1.1"],
  ] as const
) {
  Deno.test(`${name} over TLS: bodies arrive whole, in both directions`, async () => {
    const { opened, request, stack } = await open(listen, version);
    await using _stack = stack;
    const seen: (string | null)[] = [];
    opened.handler.http = async (request) => {
      seen.push(request.headers.get("host"), new URL(request.url).protocol);
      return new Response(await request.bytes());
    };
    for (const size of [1, 1000, 100_000, 4 * MIB]) {
      const body = new Uint8Array(size).map((_, i) => i % 251);
      const response = await request({ method: "POST", body });
      assertEquals(await response.bytes(), body);
    }
    // Only HTTP/1.1 has a Host.
    const host = version === "2" ? null : `localhost:${opened.port}`;
    assertEquals(seen, Array(4).fill([host, "https:"]).flat());
  });

  Deno.test(`${name} over TLS: the head of a stream arrives before its first chunk, and it is cancelled when its client leaves`, async () => {
    const { opened, request, stack } = await open(listen, version);
    await using _stack = stack;
    const cancelled = Promise.withResolvers<void>();
    let stream!: ReadableStreamDefaultController<Uint8Array>;
    opened.handler.http = () =>
      new Response(
        new ReadableStream({
          start: (controller) => void (stream = controller),
          cancel: () => cancelled.resolve(),
        }),
      );
    const response = await request();
    assertEquals(response.status, 200);
    const reader = response.body!.getReader();
    for (const text of ["one", "two"]) {
      stream.enqueue(new TextEncoder().encode(text));
      const { value } = await withTimeout(reader.read());
      assertEquals(new TextDecoder().decode(value), text);
    }
    await reader.cancel();
    await withTimeout(cancelled.promise);
  });

  Deno.test(`${name} over TLS: the signal of a wait aborts when its client leaves`, async () => {
    const { opened, request, stack } = await open(listen, version);
    await using _stack = stack;
    const [entered, aborted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    opened.handler.http = async ({ signal }) => {
      entered.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      aborted.resolve();
      return new Response("nobody reads this");
    };
    const controller = new AbortController();
    const failed = request({ signal: controller.signal }).then(() => false, () => true);
    await withTimeout(entered.promise);
    controller.abort();
    assert(await failed);
    await withTimeout(aborted.promise);
  });

  Deno.test(`${name} over TLS: an answer before the body was read arrives`, async () => {
    const { opened, request, stack } = await open(listen, version);
    await using _stack = stack;
    opened.handler.http = () => new Response("too large\n", { status: 413 });
    const response = await request({ method: "POST", body: new Uint8Array(4 * MIB) });
    assertEquals([response.status, await response.text()], [413, "too large\n"]);
  });

  Deno.test(`${name} over TLS: a client that does not read is not sent more than the buffers hold, and gets the rest when it reads`, async () => {
    const { opened, request, stack } = await open(listen, version);
    await using _stack = stack;
    const [size, most] = [64 * 1024, 1024];
    let pulled = 0;
    opened.handler.http = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            if (pulled++ < most) controller.enqueue(new Uint8Array(size));
            else controller.close();
          },
        }),
      );
    const response = await request();
    await standstill(() => pulled);
    assert(pulled < most / 2, `${pulled} chunks of ${most}`);
    let bytes = 0;
    for await (const chunk of response.body!) bytes += chunk.length;
    assertEquals([bytes, pulled], [size * most, most + 1]);
  });
}

Deno.test({
  ...ignoredIf(
    noCurl,
    "builtin, HTTP/2 over TLS: a HEAD is answered without a body, also if its handler fails",
  ),
  async fn() {
    await using opened = await OpenPort.with(builtin, {}, { cert, key });
    const cacert = new URL("tests/fixtures/localhost_cert.pem", ROOT).pathname;
    const shown = ["-I", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"];
    // It fails at a body.
    const ask = () =>
      curl("--http2", "--cacert", cacert, ...shown, `https://localhost:${opened.port}/`);
    assertEquals(await ask(), "2 200");
    opened.handler.http = () => Promise.reject(new Error("boom"));
    assertEquals([await ask(), opened.handler.failures.length], ["2 500", 1]);
  },
});
