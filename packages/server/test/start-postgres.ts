// `bunfig.toml` loads this file before all tests. A run on PostgreSQL has its instance and its tables before the first test begins: if a test
// takes too long, the test runner ends every process that was started during that test, and this one serves all of them.
if (process.env.TEST_DATABASE === "postgres") {
  const { dropDatabase, newDatabase } = await import("./test-database.ts");
  await dropDatabase(await newDatabase(""));
}

export {};
