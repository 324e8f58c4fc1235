import { parseArgs } from "node:util";

/**
 * A reference: the runtime's WebSocket engine and nothing else. What arrives from a connection to /publish is published
 * on the first topic. Every other connection is subscribed to `--each` of `--topics` topics, in turn; by default there is
 * one topic for all. With `--first TEXT` each gets this frame when it opens; with `--backlog FILE --backlog-times N` each
 * gets, when it sends something other than a heartbeat, N times the file's text, then one frame that says it is live.
 */
const { values } = parseArgs({
  args: Bun.argv.slice(2),
  options: {
    topics: { type: "string", default: "1" },
    each: { type: "string", default: "1" },
    first: { type: "string" },
    backlog: { type: "string" },
    "backlog-times": { type: "string", default: "0" },
  },
});
const topics = Number(values.topics);
const each = Number(values.each);
const backlog = values.backlog === undefined ? undefined : await Bun.file(values.backlog).text();
const backlogTimes = Number(values["backlog-times"]);
let next = 0;

const server = Bun.serve<{ publisher: boolean }>({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const publisher = new URL(request.url).pathname === "/publish";
    const headers = { "Sec-WebSocket-Protocol": "parley" };
    if (server.upgrade(request, { data: { publisher }, ...(publisher ? {} : { headers }) })) return undefined;
    return new Response(null, { status: 400 });
  },
  websocket: {
    data: { publisher: false },
    backpressureLimit: 1_048_576,
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open: (socket) => {
      if (socket.data.publisher) return;
      for (let i = 0; i < each; i++) socket.subscribe(`room${next++ % topics}`);
      if (values.first !== undefined) socket.sendText(values.first);
    },
    message: (socket, frame) => {
      if (socket.data.publisher) server.publish("room0", frame);
      else if (backlog !== undefined && frame !== '{"type":2}') {
        for (let i = 0; i < backlogTimes; i++) socket.sendText(backlog);
        socket.sendText('{"type":115,"data":{"cursor":"0000000000000000;*@0","live":true}}');
      }
    },
  },
});
console.log(`ready ${server.port}`);
