/** The least that a server on Deno can do: it answers. Its argument is the port. */
Deno.serve(
  { port: Number(Deno.args[0]), hostname: "127.0.0.1", onListen() {} },
  () => new Response("here\n"),
);
