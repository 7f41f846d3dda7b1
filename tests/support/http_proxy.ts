/**
 * A proxy before a server, of plain HTTP and WebSockets.
 *
 * @module
 */

/** How it passes requests on. */
export interface ProxyOptions {
  /** What paths begin with; the server gets them without. It ends with a slash; what lacks it is redirected there. */
  readonly prefix: string;
  /** Whether it passes WebSockets on, or answers each with 400. */
  readonly passesWebSockets: boolean;
}

/**
 * Begins one on any free port of this machine. As nginx does with `location /q/ { proxy_pass http://server/; }`.
 *
 * @param port of the server
 * @param options how it passes requests on
 */
export function proxyTo(port: number, { prefix, passesWebSockets }: ProxyOptions) {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    if (!pathname.startsWith(prefix)) {
      return new Response(null, { status: 301, headers: { location: prefix } });
    }
    const target = `127.0.0.1:${port}/${pathname.slice(prefix.length)}${search}`;
    if (request.headers.get("upgrade") === null) {
      const headers = new Headers(request.headers);
      headers.delete("host");
      return fetch(`http://${target}`, { method: request.method, headers });
    }
    return passesWebSockets ? passOn(request, target) : new Response(null, { status: 400 });
  });
}

function passOn(request: Request, target: string): Response {
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "dsmq" });
  const upstream = new WebSocket(`ws://${target}`, ["dsmq"]);
  const opened = new Promise((resolve) => upstream.onopen = resolve);
  socket.onmessage = async ({ data }) => {
    await opened;
    upstream.send(data);
  };
  upstream.onmessage = ({ data }) => socket.send(data);
  socket.onclose = () => upstream.close();
  upstream.onclose = () => socket.readyState === socket.OPEN && socket.close();
  return response;
}
