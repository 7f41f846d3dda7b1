import { assertEquals } from "@std/assert";
import { internalNames } from "../../web/build/internal_names.ts";

Deno.test("only names that are on no wire, that nothing looks up and nobody outside sees are internal", () => {
  const sources = new Map([
    [
      "client/reader.ts",
      `export class Reader {
        isIdle = false;
        onWire = 1;
        inTable = 2;
        lookedUp = 4;
        inTemplate = 5;
        isPublic = 6;
        #hidden = 7;
        length = 8;
        ofRuntime = 9;
        inTypes = 10;
        inSentence = 11;
        addEventListener() {}
        get isBehind() { return this.#hidden > 7; }
        onMethod() {}
      }
      export interface Own { picked: Pick<Reader, "inTypes"> }
      export const { ofRuntime } = globalThis as { ofRuntime?: number };`,
    ],
    [
      "protocol/shapes.ts",
      `export interface Shape { onWire?: number; onMethod(): void }
      export const TABLE = { inTable: 2 };
      export class Decoder { isDecoded = true }
      export const all = (reader) => [reader["lookedUp"], "this inSentence is read", reader[\`\${onWire}inTemplate\`]];`,
    ],
  ]);
  const publicTypes = "/** Not isIdle. */ interface Reader { isPublic: number }";
  assertEquals(internalNames(sources, publicTypes), [
    "inSentence",
    "inTypes",
    "isBehind",
    "isDecoded",
    "isIdle",
    "onMethod",
    "picked",
  ]);
});
