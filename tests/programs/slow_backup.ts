/**
 * `dsmq backup FILE --url URL` that waits for its standard input once it has begun, and says so.
 *
 * @module
 */

import { main } from "../../cli.ts";
import { BackupFile } from "../../stores/backup_file.ts";

const [file, url] = Deno.args;
const open = BackupFile.open;
BackupFile.open = async (...args) => {
  console.log("begun");
  await Deno.stdin.read(new Uint8Array(1));
  return await open(...args);
};
await main(["backup", file!, "--url", url!]);
