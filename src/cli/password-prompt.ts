// A password from whoever runs the command: asked for twice without showing it, or read from a pipe.
import { Secret } from "../model/secret.js";
import { Failure } from "./failure.js";
import { note } from "./output.js";

/** Far above any password. */
const longest = 64 * 1024;

export async function readPassword(): Promise<Secret> {
  if (!process.stdin.isTTY) return readPiped();
  const password = await ask("Password: ");
  const again = await ask("Once more: ");
  if (!password.equals(again)) throw new Failure("gatehouse: the two passwords are not the same");
  return password;
}

/** All of standard input, without the line break at its end. */
async function readPiped(): Promise<Secret> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of process.stdin) {
    const bytes = Buffer.from(piece);
    length += bytes.length;
    if (length > longest) throw new Failure("gatehouse: what came through the pipe is too long for a password");
    pieces.push(bytes);
  }
  const text = Buffer.concat(pieces);
  const lineBreak = text.at(-1) === lf ? (text.at(-2) === cr ? 2 : 1) : 0;
  const password = text.subarray(0, text.length - lineBreak);
  if (password.includes(lf))
    throw new Failure("gatehouse: several lines came through the pipe; a password is one line");
  return new Secret(password);
}

const lf = 0x0a;
const cr = 0x0d;
const interrupt = "\x03";
const end = "\x04";
const erasing = ["\x7f", "\b"];

function ask(question: string): Promise<Secret> {
  const { stdin } = process;
  process.stderr.write(question);
  let typed = "";
  return new Promise((resolve, reject) => {
    const finish = (done: () => void) => {
      stdin.off("data", take).setRawMode(false).pause();
      note("");
      done();
    };
    const take = (piece: string) => {
      for (const character of piece) {
        if (character === "\r" || character === "\n" || character === end) {
          return finish(() => resolve(new Secret(typed)));
        }
        if (character === interrupt) return finish(() => reject(new Failure("gatehouse: given up")));
        typed = erasing.includes(character) ? Array.from(typed).slice(0, -1).join("") : typed + character;
      }
    };
    stdin.setRawMode(true).setEncoding("utf8").on("data", take).resume();
  });
}
