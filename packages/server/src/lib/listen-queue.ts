import { dlopen, ptr } from "bun:ffi";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * What waits on a port that is about to close. The kernel resets it when the last socket that listens there closes, and the runtime cuts
 * connections that have not brought a request yet, so before that new connections are held off and those that are there are served. All of
 * this is for Linux; elsewhere nothing waits and nothing is held off.
 */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
const LISTEN = "0A";
const SYN_RECEIVED = "03";

/** The sockets of a port in the kernel's table. */
export interface PortState {
  /** Connections that nobody has accepted, and those whose handshake is not complete. */
  readonly waiting: number;
  /** The kernel's numbers of the sockets that listen, of whatever process. */
  readonly listeners: readonly string[];
}

export function portState(port: number): PortState {
  const states = TABLES.map((path) => stateIn(readOr(path, ""), port));
  return {
    waiting: states.reduce((sum, { waiting }) => sum + waiting, 0),
    listeners: states.flatMap(({ listeners }) => listeners),
  };
}

/** Of each line: the local address, the state, the queues (of a listener, the second one is of connections), and the socket's number. */
export function stateIn(table: string, port: number): PortState {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const listeners: string[] = [];
  let waiting = 0;
  for (const line of table.split("\n")) {
    const [, local, , state, queues, , , , , inode] = line.trim().split(/\s+/);
    if (!local?.endsWith(end)) continue;
    if (state === SYN_RECEIVED) waiting += 1;
    if (state !== LISTEN || inode === undefined) continue;
    waiting += Number.parseInt(queues?.split(":")[1] ?? "0", 16);
    listeners.push(inode);
  }
  return { waiting, listeners };
}

/**
 * From now on the kernel ignores new connections to what this process listens with on a port; handshakes that have begun go on. Their
 * clients ask again a second later, and are then refused or reach the next server.
 * @returns false where the system does not allow it
 */
export function holdOffConnections(port: number): boolean {
  try {
    const { listeners } = portState(port);
    const own = new Set(listeners.map((inode) => `socket:[${inode}]`));
    const descriptors = readdirSync("/proc/self/fd").filter((fd) => own.has(linkOf(fd)));
    return descriptors.length > 0 && descriptors.every((fd) => attachFilter(Number(fd)));
  } catch {
    return false;
  }
}

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
/** A packet that begins a connection is the only one without ACK: it is dropped, everything else passes. Code, jumps and operand of each step. */
const ONLY_WITH_ACK = [
  [0x30, 0, 0, 13],
  [0x45, 0, 1, 0x10],
  [0x06, 0, 0, 0xffff_ffff],
  [0x06, 0, 0, 0],
] as const;

function attachFilter(fd: number): boolean {
  const steps = Buffer.alloc(ONLY_WITH_ACK.length * 8);
  for (const [index, [code, ifTrue, ifFalse, operand]] of ONLY_WITH_ACK.entries()) {
    steps.writeUInt16LE(code, index * 8);
    steps.writeUInt8(ifTrue, index * 8 + 2);
    steps.writeUInt8(ifFalse, index * 8 + 3);
    steps.writeUInt32LE(operand, index * 8 + 4);
  }
  const program = Buffer.alloc(16);
  program.writeUInt16LE(ONLY_WITH_ACK.length, 0);
  program.writeBigUInt64LE(BigInt(ptr(steps)), 8);
  return systemLibrary().setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, ptr(program), program.byteLength) === 0;
}

function systemLibrary() {
  const wanted = { setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" } } as const;
  try {
    return dlopen("libc.so.6", wanted).symbols;
  } catch {
    const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
    return dlopen(`libc.musl-${machine}.so.1`, wanted).symbols;
  }
}

function readOr(path: string, absent: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return absent;
  }
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}
