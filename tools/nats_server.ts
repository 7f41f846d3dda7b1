/**
 * The nats-server of the tests and the benchmarks: which one is used, and how to get a current one.
 *
 * The one in Debian's stable suite is years old. `deno task nats` fetches the one of the unstable suite with apt,
 * from the mirror that this machine uses, into `.cache/` of this checkout. It installs nothing.
 *
 * @module
 */

const ROOT = new URL("..", import.meta.url);

/** Where it is unpacked; git ignores this folder. */
const FOLDER = new URL(".cache/nats-server/", ROOT).pathname;
const FETCHED = `${FOLDER}usr/sbin/nats-server`;

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** How to get it. */
export const NATS_INSTALL_HINT = "`deno task nats`, or the package nats-server,";

/** The nats-server to use: the one that `NATS_SERVER` names, else the fetched one, else the system's. */
export function natsServer(named = Deno.env.get("NATS_SERVER"), fetched = FETCHED): string {
  return named || (isFile(fetched) ? fetched : "nats-server");
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Fetches nats-server from Debian's unstable suite. */
async function fetchNatsServer(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "dsmq-nats-" });
  try {
    // apt downloads as a separate user, which needs access.
    await Deno.chmod(folder, 0o755);
    for (const part of ["state/lists/partial", "cache/archives/partial"]) {
      await Deno.mkdir(`${folder}/${part}`, { recursive: true });
    }
    const keys = isFile(KEYRING) ? `[signed-by=${KEYRING}] ` : "";
    await Deno.writeTextFile(
      `${folder}/sources.list`,
      `deb ${keys}${await mirror()} unstable main\n`,
    );
    const settings = {
      "Dir::State": `${folder}/state`,
      "Dir::Cache": `${folder}/cache`,
      "Dir::Etc::sourcelist": `${folder}/sources.list`,
      "Dir::Etc::sourceparts": "-",
      "Acquire::Languages": "none",
    };
    const aptOptions = Object.entries(settings).flatMap((
      [name, value],
    ) => ["-o", `${name}=${value}`]);
    await run("apt-get", [...aptOptions, "update"], folder);
    await run("apt-get", [...aptOptions, "download", "nats-server"], folder);
    const found = [...Deno.readDirSync(folder)].find(({ name }) => name.endsWith(".deb"));
    if (!found) throw new Error("Cannot fetch nats-server: apt-get downloaded no package");
    await Deno.remove(FOLDER, { recursive: true }).catch(() => {});
    await Deno.mkdir(FOLDER, { recursive: true });
    await run("dpkg", ["-x", `${folder}/${found.name}`, FOLDER], folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The Debian mirror that this machine's apt uses. */
async function mirror(): Promise<string> {
  const format = "$(REPO_URI) $(COMPONENT)";
  const lines = await run("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const main = lines.split("\n").find((line) => /\/debian\/? main$/.test(line));
  if (main === undefined) {
    throw new Error(
      "Cannot fetch nats-server: apt knows no Debian mirror; set NATS_SERVER to the path of a nats-server instead",
    );
  }
  return main.split(" ")[0]!;
}

async function run(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const command = new Deno.Command(program, {
    args: [...args],
    env: { LC_ALL: "C" },
    ...(cwd !== undefined && { cwd }),
  });
  const { success, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`Cannot fetch nats-server: ${program}: ${text(stderr).trim()}`);
  return text(stdout);
}

if (import.meta.main) {
  try {
    await fetchNatsServer();
    const version = await run(FETCHED, ["--version"]);
    console.log(`${version.trim()}: ${FETCHED}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
