/**
 * Requests that come without a token, or with one in the wrong place.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { problemOf, testHttp } from "../support/http_server.ts";

const PATHS = ["/topics/t", "/topics", "/messages", "/metrics"];

testHttp("a request without a token is told how to send one", async (open) => {
  await using server = await open({ auth: { tokens: [{ token: "one" }] } });
  for (const path of PATHS) {
    for (const authorization of ["", "one", "Basic b25lOg=="]) {
      const response = await server.get(path, { headers: { authorization } });
      assertEquals(response.headers.get("www-authenticate"), "Bearer");
      const { status, detail } = await problemOf(response);
      assertEquals([status, detail], [
        401,
        "Access denied: a token is needed, and none was given: send it in the header Authorization: Bearer TOKEN",
      ]);
    }
  }
});

testHttp(
  "a token in the address is refused with a sentence, whether the server needs one or not",
  async (open) => {
    for (const auth of [undefined, { tokens: [{ token: "one" }] }]) {
      await using server = await open({ ...(auth && { auth }) });
      for (const path of PATHS.filter((path) => auth || path !== "/metrics")) {
        for (const query of ["token=one", "count=1&access_token=one", "%74oken=one", "Token"]) {
          const { status, detail } = await problemOf(await server.get(`${path}?${query}`));
          assertEquals([status, detail], [
            400,
            "A token must not be in an address, which others log: send it in the header Authorization: Bearer TOKEN",
          ]);
        }
      }
      const put = await server.post("/topics/t?token=one", "x");
      assertEquals((await problemOf(put)).status, 400);
    }
  },
);
