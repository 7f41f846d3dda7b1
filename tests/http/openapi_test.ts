/**
 * The OpenAPI document of a server is true: each response that it names is provoked and held against it, and so is what it does
 * not name.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { testDocumented } from "../support/documented_server.ts";
import { failingStore } from "../support/failing_store_scene.ts";
import { OpenApiContract } from "../support/openapi_contract.ts";
import { GROUP_SCENES } from "../support/openapi_group_scenes.ts";
import { SCENES } from "../support/openapi_scenes.ts";
import { sharedLog } from "../support/shared_log_scene.ts";

testDocumented(
  "a server answers with each status, header and form that /openapi.json names, and with no other",
  async (open, contract, kind) => {
    for (const [about, scene] of Object.entries({ ...SCENES, ...GROUP_SCENES })) {
      await scene(open).catch((cause) => {
        throw new Error(`${about}: ${cause.message}`, { cause });
      });
    }
    await failingStore(contract, kind);
    await sharedLog(contract, kind);
    const named = contract.responses.map(OpenApiContract.nameOf);
    assertEquals(named.filter((name) => !contract.seen.has(name)), [], "nothing provokes these");
    const { responses } = contract.document.components as Record<string, Record<string, unknown>>;
    const codes = Object.entries(responses!).flatMap(([name, response]) => {
      const { content } = response as Record<string, Record<string, { schema: ProblemSchema }>>;
      const { enum: all } = content!["application/problem+json"]!.schema.properties.code;
      return all.map((code) => `${name.replace("Problem", "")} ${code}`);
    });
    assertEquals(codes.filter((code) => !contract.seen.has(code)), [], "nothing has these codes");
  },
);

interface ProblemSchema {
  readonly properties: { readonly code: { readonly enum: readonly string[] } };
}
