import { listen as builtin } from "../../transports/deno.ts";
import { listen as hardened } from "../../transports/node.ts";
import { testTransport } from "../contracts/transport.ts";

testTransport("builtin", builtin);
testTransport("hardened", hardened);
