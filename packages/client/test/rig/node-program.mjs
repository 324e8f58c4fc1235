// Run by node.test.ts under Node: prints a line for each state and message.
import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";

const [bundle, url, token, which] = process.argv.slice(2);
const { createClient } = await import(bundle);

/** As little of a WebSocket as a program would bring where the platform has none: text, whole frames. */
class TinyWebSocket {
  readyState = 0;
  onopen = null;
  onmessage = null;
  onerror = null;
  onclose = null;
  #socket;
  #bytes = Buffer.alloc(0);

  constructor(address, protocols) {
    const key = randomBytes(16).toString("base64");
    const asked = request(address.replace(/^ws/, "http"), {
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Protocol": protocols.join(", "),
      },
    });
    asked.on("upgrade", (response, socket, head) => {
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      if (response.headers["sec-websocket-accept"] !== accept) throw new Error("a wrong answer");
      this.#socket = socket;
      this.readyState = 1;
      socket.on("data", (data) => this.#read(data));
      socket.on("close", () => this.#closed(1006, ""));
      this.onopen?.({});
      this.#read(head);
    });
    asked.on("error", () => this.#closed(1006, ""));
    asked.end();
  }

  send(text) {
    this.#write(1, Buffer.from(text));
  }

  close() {
    this.#write(8, Buffer.from([3, 232]));
    this.#socket?.end();
  }

  #write(opcode, payload) {
    const long = payload.length > 125;
    const head = Buffer.from([0x80 | opcode, 0x80 | (long ? 126 : payload.length)]);
    const length = long ? Buffer.from([payload.length >> 8, payload.length & 255]) : Buffer.alloc(0);
    this.#socket?.write(Buffer.concat([head, length, Buffer.alloc(4), payload]));
  }

  #read(data) {
    this.#bytes = Buffer.concat([this.#bytes, data]);
    while (this.#bytes.length >= 2) {
      const short = this.#bytes[1] & 127;
      const from = short === 126 ? 4 : 2;
      if (this.#bytes.length < from) return;
      const length = short === 126 ? this.#bytes.readUInt16BE(2) : short;
      if (this.#bytes.length < from + length) return;
      const opcode = this.#bytes[0] & 15;
      const payload = this.#bytes.subarray(from, from + length);
      this.#bytes = this.#bytes.subarray(from + length);
      if (opcode === 1) this.onmessage?.({ data: payload.toString() });
      if (opcode === 8) this.#closed(payload.length > 1 ? payload.readUInt16BE(0) : 1005, payload.toString("utf8", 2));
    }
  }

  #closed(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

const client = createClient({ url, token, ...(which === "websocket" ? { webSocket: TinyWebSocket } : {}) });
client.on("state", (state) => console.log(`state ${state.kind} ${state.transport ?? state.why ?? ""}`.trim()));
client.on("message", ({ message }) => {
  console.log(`message ${message.body.content}`);
  if (message.body.content === "the end") client.stop();
});
client.start();
