import { expect, test } from "bun:test";
import { ListenFailed } from "./listen-failed.ts";

test.each(["EINVAL", "ENOENT", "ENOTFOUND", "EAGAIN", "EADDRNOTAVAIL"])(
  "a name that leads nowhere, or cannot be looked up, is no address of this machine: %s",
  (code) => {
    const at = { host: "chat.example", port: 8080, variable: "PORT" } as const;
    expect(new ListenFailed(Object.assign(new Error(`${code}: listen`), { code }), at).message).toBe(
      'HOST is "chat.example", wanted an address of this machine; 0.0.0.0 stands for all of them.',
    );
  },
);
