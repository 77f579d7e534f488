// The JavaScript SDK through `jurat connect`: says how a plain answer and a stream ended. Called by scripts/connect/drive.py.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.cwd()}/.tools/`));
const { OpenAI } = require("openai");

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none" });
const asked = { model: "m", messages: [{ role: "user", content: "Who are you?" }] };

async function ended(asking) {
  try {
    await asking();
    return "ok";
  } catch (error) {
    return error.code ?? error.message;
  }
}

const plain = await ended(() => client.chat.completions.create(asked));
const stream = await ended(async () => {
  for await (const event of await client.chat.completions.create({ ...asked, stream: true })) void event;
});
console.log(`plain ${plain}, stream ${stream}`);
