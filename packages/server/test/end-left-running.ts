import { afterAll, afterEach, beforeEach } from "bun:test";
import { runEnded, testBegins, testEnded } from "./left-running.ts";

// `bunfig.toml` loads this file before all tests, so these hold for every file.
beforeEach(testBegins);
afterEach(testEnded);
afterAll(runEnded);
