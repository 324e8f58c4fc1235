import type { WorkerProcess } from "./workers.ts";

/**
 * Starts a worker: this program once more, with the same environment and output. The kernel ends it when this process is gone, also one that
 * is too busy to notice that its socket has ended.
 */
export function startWorker(socketPath: string): WorkerProcess {
  const command = [process.execPath, "--no-orphans", Bun.main, "worker", socketPath];
  const child = Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"] });
  return {
    pid: child.pid,
    exited: child.exited.then((code) => (child.signalCode ? `ended by ${child.signalCode}` : `exit code ${code}`)),
    kill: () => child.kill("SIGKILL"),
  };
}
