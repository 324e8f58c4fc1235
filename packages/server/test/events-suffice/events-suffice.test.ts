import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID, Push } from "@parley/protocol";
import { AREAS } from "./cases.ts";
import { type Case, Scene } from "./scene.ts";

/** A case asks the server hundreds of times; some frames are gathered for a second. */
const LONGEST_MS = 20_000;

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
}, 30_000);
afterAll(() => scene.close());

for (const [area, cases] of Object.entries(AREAS)) {
  describe(area, () => {
    for (const one of cases) test(`CUR-12: ${one.command}: ${one.title}`, () => scene.run(one), LONGEST_MS);
  });
}

/** Lines of differences, without the parts that say who saw them and how. */
async function differencesOf(one: Pick<Case, "play">, withheld?: number): Promise<string[]> {
  const run = scene.run({ command: "", title: "", ...one }, { withheld: ({ type }) => type === withheld });
  const message = await run.then(
    () => "",
    (error: Error) => error.message,
  );
  return message.split("\n").slice(1);
}

describe("what the comparison finds", () => {
  const caseOf = (command: string) => {
    const found = Object.values(AREAS).flat();
    return found.find((one) => one.command === command) as Case;
  };

  for (const [type, command, line] of [
    ["MEMBER_CHANGE", "POST /rooms", /: rooms\.\d+: the server shows \{.*the events give nothing$/],
    ["MEMBER_CHANGE", "POST /rooms/{id}/members", /: rooms\.\d+\.room\.memberCount: the server shows 3, .* give 2$/],
    [
      "MEMBER_CHANGE",
      "DELETE /rooms/{id}/members/{uid}",
      /: rooms\.\d+\.room\.role: the server shows null, .* give 3$/,
    ],
    ["MEMBER_UPDATE", "PUT /rooms/{id}/members/{uid}/role", /: rooms\.\d+\.members\.1\.role: the server shows 2/],
    ["ROOM", "PATCH /rooms/{id}", /: rooms\.\d+\.room\.name: the server shows "another name"/],
    ["ROOM", "DELETE /rooms/{id}", /: rooms\.\d+\.room\.dissolvedAt: the server shows \d+, the events give null$/],
    ["MESSAGE", "POST /rooms/{id}/messages", /: unread\.rooms\.\d: the server shows \{"roomId":\d+,"unread":1\}/],
    ["RECALL", "DELETE /messages/{id}", /: rooms\.\d+\.messages\.0\.message\.type: the server shows 2, .* give 1$/],
    [
      "MARK",
      "PUT /messages/{id}/marks/{mark}",
      /: rooms\.\d+\.messages\.0\.message\.messageMark\.dislikeCount: the server shows 2, .* give 0$/,
    ],
    [
      "NOTIFICATION",
      "DELETE /server/notifications/{kind}/{key}",
      /: notices\.unread: the server shows \d+, the events give \d+$/,
    ],
    ["SELF", "PUT /notifications/seen", /: unread\.notifications: the server shows \d+, the events give \d+$/],
    [
      "BLACK",
      "PUT /admin/bans/users/{uid}",
      /: rooms\.1\.messages\.\d+\.message\.type: the server shows 2, the events give 1$/,
    ],
    [
      "UNBLACK",
      "DELETE /admin/bans/users/{uid}",
      /: rooms\.1\.messages\.\d+\.message\.type: the server shows 1, the events give 2$/,
    ],
    ["SELF", "PUT /rooms/{id}/read", /: rooms\.\d+\.mine\.readSeq: the server shows 3, the events give \d$/],
    ["INVALIDATE_TOKEN", "DELETE /logins/current", /, live: state: the server shows nothing, the events give \{/],
  ] as const) {
    test(
      `CUR-12: ${command} without ${type} does not suffice`,
      async () => {
        const lines = await differencesOf(caseOf(command), Push[type]);
        expect(lines.filter((one) => line.test(one))).not.toEqual([]);
      },
      LONGEST_MS,
    );
  }

  test(
    "CUR-12: PATCH /me without USER does not suffice on a connection; who polls reads names",
    async () => {
      const lines = await differencesOf(caseOf("PATCH /me"), Push.USER);
      expect(
        lines.some((one) => /^ben, live: rooms\.\d+\.members\.0\.name: the server shows "Ann Other"/.test(one)),
      ).toBe(true);
      expect(lines.filter((one) => !one.includes(", live: "))).toEqual([]);
    },
    LONGEST_MS,
  );
});

describe("what is not told", () => {
  test(
    "CUR-12: people who left a room are not told of a recall there, and read it anew",
    async () => {
      const lines = await differencesOf({
        play: async ({ annsPhone, ben, cai, ann }) => {
          const room = await scene.room([ben, cai]);
          const { id } = await scene.say(ann, room, "oh no");
          const act = async () => {
            await scene.remove(room, cai);
            await ann.api.ok("DELETE", `/messages/${id}`);
          };
          return { watchers: [annsPhone, ben, cai], act };
        },
      });
      expect(lines.map((line) => line.split(": the server")[0]?.replace(/rooms\.\d+/, "room"))).toEqual([
        "cai, live: room.messages.0.message.type",
        "cai, live: room.messages.0.message.body",
        "cai, polling: room.messages.0.message.type",
        "cai, polling: room.messages.0.message.body",
      ]);
    },
    LONGEST_MS,
  );

  test(
    "CUR-12: a new name is not told to people who share only the hall, and who quote the person there",
    async () => {
      const dan = await scene.someone();
      const { id } = await scene.say(dan, HALL_ROOM_ID, "mark my words");
      await scene.say(scene.ben, HALL_ROOM_ID, "marked", { replyTo: id });
      const lines = await differencesOf({
        play: ({ ben }) => ({ watchers: [ben], act: () => dan.api.ok("PATCH", "/me", { name: "Dan Other" }) }),
      });
      expect(lines.map((line) => line.split(": the server")[0]?.replace(/messages\.\d+/, "message"))).toEqual([
        "ben, live: rooms.1.mine.lastMessage.message.body.reply.username",
        "ben, live: rooms.1.message.message.body.reply.username",
      ]);
    },
    LONGEST_MS,
  );
});
