/**
 * Files given on the command line: whatever they are, reading them ends.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { readTextFile } from "../../cli/files.ts";
import { ignoredIf, noPosix } from "../support/ignored_if.ts";
import { Program } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";

const LARGEST = 1024 * 1024;

/** A folder of its own, and paths in it. */
async function folder() {
  const path = await Deno.makeTempDir();
  return {
    at: (name: string) => `${path}/${name}`,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

function fault(path: string, reason: string): Promise<unknown> {
  return withTimeout(
    assertRejects(() => readTextFile(path), Error, `Cannot read ${path}: ${reason}`),
  );
}

Deno.test("a file is read without the byte-order mark that some editors write", async () => {
  await using files = await folder();
  const path = files.at("f");
  const cases: readonly (readonly [bytes: Uint8Array | string, text: string])[] = [
    ["", ""],
    ["\ufeff", ""],
    ["\ufeffsecret\r\n", "secret\r\n"],
    ["\ufeff\ufeffx", "\ufeffx"],
    ["a\ufeffé\0", "a\ufeffé\0"],
    [new Uint8Array(LARGEST).fill(0x61), "a".repeat(LARGEST)],
    [new Uint8Array([0x61, 0xff]), "a\ufffd"],
  ];
  for (const [bytes, text] of cases) {
    await Deno.writeFile(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
    assertEquals(await readTextFile(path), text);
  }
  for (const mark of [[0xff, 0xfe], [0xfe, 0xff]]) {
    await Deno.writeFile(path, new Uint8Array([...mark, 0x61, 0x00]));
    await fault(path, "it must be UTF-8, got UTF-16");
  }
});

Deno.test("an endless file, one that is far too large, and a path that is not a file are reported", async () => {
  await using files = await folder();
  const tooLarge = `it must be at most ${LARGEST} bytes, and is larger`;
  await Deno.writeFile(files.at("large"), new Uint8Array(LARGEST + 1));
  await Deno.writeFile(files.at("sparse"), new Uint8Array());
  await Deno.truncate(files.at("sparse"), 5_000_000_000);
  await fault(files.at("large"), tooLarge);
  await fault(files.at("sparse"), tooLarge);
  await fault(files.at("."), "it is a directory");
  await fault(files.at("none"), "no such file");
  await fault(`${files.at("large")}/below`, "its folder does not exist");
  if (Deno.build.os === "windows") return;
  await fault("/dev/zero", tooLarge);
  const { success } = await new Deno.Command("mkfifo", { args: [files.at("pipe")] }).output();
  assertEquals(success, true);
  await using endless = new Deno.Command("sh", {
    args: ["-c", 'exec yes > "$0"', files.at("pipe")],
    stderr: "null",
  }).spawn();
  await fault(files.at("pipe"), tooLarge);
  await endless.status;
});

Deno.test({
  ...ignoredIf(noPosix, "what the system says against a path is said in words"),
  async fn() {
    await using files = await folder();
    await fault(files.at("x".repeat(300)), "its path is longer than this system permits");
    await fault(files.at("x/".repeat(5000)), "its path is longer than this system permits");
    await Deno.symlink(files.at("loop"), files.at("loop"));
    await fault(files.at("loop"), "it is a symbolic link that leads to itself");
    // A test that runs as root may read everything.
    const { open } = Deno;
    for (
      const [code, reason] of [
        ["EACCES", "the user of this process may not read it"],
        ["EMFILE", "too many files are open"],
      ] as const
    ) {
      Deno.open = () => Promise.reject(Object.assign(new Error("of the system"), { code }));
      try {
        await fault(files.at("f"), reason);
      } finally {
        Deno.open = open;
      }
    }
  },
});

Deno.test({
  ...ignoredIf(
    noPosix,
    "a pipe without a writer is waited for up to a minute, and one written in pieces is read to its end",
  ),
  async fn() {
    await using files = await folder();
    const [unfinished, written] = [files.at("unwritten"), files.at("written")];
    await new Deno.Command("mkfifo", { args: [unfinished, written] }).output();
    const abandoned = Promise.withResolvers<void>();
    const { open } = Deno;
    Deno.open = async (path, options) => {
      const file = await open(path, options);
      const dispose = file[Symbol.dispose].bind(file);
      file[Symbol.dispose] = () => {
        dispose();
        abandoned.resolve();
      };
      return file;
    };
    try {
      await inVirtualTime(async () => {
        const reason = `Cannot read ${unfinished}: it did not end within 60 s`;
        await assertRejects(() => readTextFile(unfinished), Error, reason);
      });
    } finally {
      Deno.open = open;
    }
    const reading = readTextFile(written);
    const writer = await withTimeout(Deno.open(written, { write: true }));
    for (const piece of ["sec", "ret"]) await writer.write(new TextEncoder().encode(piece));
    writer.close();
    assertEquals(await withTimeout(reading), "secret");
    // This ends the abandoned read.
    (await withTimeout(Deno.open(unfinished, { write: true }))).close();
    await withTimeout(abandoned.promise);
  },
});

Deno.test({
  ...ignoredIf(noPosix, "a command that was interrupted before does not wait for a pipe"),
  async fn() {
    await using files = await folder();
    const pipe = files.at("pipe");
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    await using program = new Program(["-A", "tests/programs/interrupted_read.ts", pipe]);
    const { code, stdout } = await program.end();
    assertEquals([code, stdout], [0, `Cannot read ${pipe}: interrupted by SIGINT`]);
  },
});
