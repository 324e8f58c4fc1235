/** A port could not be opened; the message names the variable and says what to do. */
export class ListenFailed extends Error {
  override readonly name = "ListenFailed";

  constructor(error: unknown, { host, port, variable }: { host: string; port: number; variable: "PORT" | "WS_PORT" }) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    super(sentence(code, { host, port, variable }) ?? `Port ${port} of ${host} could not be opened: ${error}`, {
      cause: error,
    });
  }
}

function sentence(code: string, at: { host: string; port: number; variable: string }): string | undefined {
  const { host, port, variable } = at;
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} is in use. Stop what uses it, or set ${variable} to another.`;
    case "EACCES":
    case "EPERM":
      return `${variable} is ${port}, wanted a port that this user may open: below 1024 most systems require more rights.`;
    case "EADDRNOTAVAIL":
    // Bun's message for a name that cannot be resolved is whatever the resolver left behind; where it cannot ask anybody, that is EAGAIN.
    case "EAGAIN":
    case "EINVAL":
    case "ENOENT":
    case "ENOTFOUND":
      return `HOST is ${JSON.stringify(host)}, wanted an address of this machine; 0.0.0.0 stands for all of them.`;
    default:
      return undefined;
  }
}
