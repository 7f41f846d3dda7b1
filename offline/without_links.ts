/**
 * Runs a `deno` command on a copy of the project whose `deno.json` names no stand-ins: against the real
 * packages of JSR, as it is published. `JSR_URL` is honoured.
 *
 * The copy has no lock file, for the lock file records the stand-ins.
 *
 * @module
 */

const root = new URL("../", import.meta.url);
const { links, ...config } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
/** What is not copied: the stand-ins, and what belongs to this checkout alone. */
const leftOut = new Set(
  [...links, ".git", "node_modules", "dist", "deno.lock", "deno.json"]
    .map((path) => new URL(path, root).href),
);
const copy = await Deno.makeTempDir({ prefix: "dsmq-" });
try {
  await copyInto(root, new URL(`file://${copy}/`));
  await Deno.writeTextFile(`${copy}/deno.json`, JSON.stringify(config, undefined, 2));
  const { code } = await new Deno.Command(Deno.execPath(), { args: Deno.args, cwd: copy }).spawn()
    .status;
  Deno.exitCode = code;
} finally {
  await Deno.remove(copy, { recursive: true });
}

async function copyInto(from: URL, to: URL): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (leftOut.has(new URL(name, from).href)) continue;
    if (isDirectory) {
      const [source, target] = [new URL(`${name}/`, from), new URL(`${name}/`, to)];
      await Deno.mkdir(target);
      await copyInto(source, target);
    } else {
      await Deno.copyFile(new URL(name, from), new URL(name, to));
    }
  }
}
