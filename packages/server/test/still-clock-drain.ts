/** The server of `slow-drain.ts`, whose clock stands still: SIGUSR2 lets a second pass and says so. So a test decides how far apart two signals are. */
let now = Date.now();
Date.now = () => now;
process.on("SIGUSR2", () => {
  now += 1000;
  console.log("a second later");
});
await import("./slow-drain.ts");

export {};
