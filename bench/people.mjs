#!/usr/bin/env node
// Writes a made-up organisation as LDIF: the data every measurement uses.
//   node people.mjs --users 100000 --groups 10000 --base dc=example,dc=com > people.ldif
//   --password ssha|bcrypt|clear|none   userPassword of user N is 'password<N>' (default ssha)
//   --members 20      members a group, on average; one in ten groups also holds another group
//   --group-class groupOfNames|groupOfUniqueNames
// Deterministic: the same arguments write the same file (salts included). Needs nothing installed;
// --password bcrypt uses one precomputed hash of 'password' for every user.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { parseArgs } from "node:util";

const { values: o } = parseArgs({
  options: {
    users: { type: "string", default: "1000" },
    groups: { type: "string", default: "100" },
    base: { type: "string", default: "dc=example,dc=com" },
    password: { type: "string", default: "ssha" },
    members: { type: "string", default: "20" },
    "group-class": { type: "string", default: "groupOfNames" },
  },
});
const users = Number(o.users),
  groups = Number(o.groups),
  perGroup = Number(o.members),
  base = o.base;
const memberAttr = o["group-class"] === "groupOfUniqueNames" ? "uniqueMember" : "member";
let state = 42;
const random = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return (state >>> 8) % n;
};
const given =
  "Anna Bruno Chen Dalia Emeka Freya Goran Hana Igor Jia Kofi Lena Marek Nadia Oskar Priya Quentin Rosa Søren Tomás Uma Viktor Wei Ximena Yusuf Zoë".split(
    " ",
  );
const family =
  "Adeyemi Bauer Castro Dubois Eriksen Fischer García Hansen Ivanova Jensen Kowalski Larsen Moreau Nowak Okafor Petrov Quinn Rossi Silva Tanaka Ueda Vargas Weber Xu Yılmaz Zimmermann".split(
    " ",
  );
const teams = ["engineering", "sales", "finance", "support", "design", "operations", "legal", "research"];
const ascii = (s) =>
  /^[\x01-\x09\x0b\x0c\x0e-\x1f\x21-\x39\x3b\x3d-\x7f][\x01-\x09\x0b\x0c\x0e-\x7f]*$/.test(s) && !s.endsWith(" ");
const line = (name, value) =>
  ascii(value) ? `${name}: ${value}` : `${name}:: ${Buffer.from(value).toString("base64")}`;
const ssha = (n) => {
  const salt = createHash("sha1").update(`salt${n}`).digest().subarray(0, 8);
  return `{SSHA}${Buffer.concat([createHash("sha1").update(`password${n}`).update(salt).digest(), salt]).toString("base64")}`;
};
const secret = (n) =>
  o.password === "ssha"
    ? ssha(n)
    : o.password === "clear"
      ? `password${n}`
      : o.password === "bcrypt"
        ? "{CRYPT}$2b$10$zi4p5wzLYbHCePgoRTVYl.30H80U19DgI8sIDj6JGpeMpxMlRLHBC"
        : null;
const dn = (n) => `uid=user${n},ou=people,${base}`;
async function write(text) {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

await write(
  `dn: ${base}\nobjectClass: top\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: ${/^dc=([^,]+)/.exec(base)?.[1] ?? "example"}\n\n`,
);
for (const ou of ["people", "groups"])
  await write(`dn: ou=${ou},${base}\nobjectClass: organizationalUnit\nou: ${ou}\n\n`);
let chunk = "";
for (let n = 0; n < users; n++) {
  const g = given[random(given.length)],
    f = family[random(family.length)],
    t = teams[random(teams.length)];
  const rows = [
    `dn: ${dn(n)}`,
    "objectClass: top",
    "objectClass: person",
    "objectClass: organizationalPerson",
    "objectClass: inetOrgPerson",
    `uid: user${n}`,
    line("cn", `${g} ${f}`),
    line("sn", f),
    line("givenName", g),
    line("displayName", `${g} ${f} (${t})`),
    `mail: user${n}@example.com`,
    `employeeNumber: ${100000 + n}`,
    `departmentNumber: ${t}`,
    `title: ${t} ${random(9) + 1}`,
    `telephoneNumber: +49 30 ${1000000 + random(8999999)}`,
  ];
  const p = secret(n);
  if (p) rows.push(`userPassword: ${p}`);
  chunk += `${rows.join("\n")}\n\n`;
  if (chunk.length > 1 << 16) {
    await write(chunk);
    chunk = "";
  }
}
for (let n = 0; n < groups; n++) {
  const members = new Set();
  for (let k = 1 + random(perGroup * 2 - 1); k > 0; k--) members.add(dn(random(users)));
  if (n % 10 === 9) members.add(`cn=group${n - 1},ou=groups,${base}`);
  chunk += `${[
    `dn: cn=group${n},ou=groups,${base}`,
    "objectClass: top",
    `objectClass: ${o["group-class"]}`,
    `cn: group${n}`,
    `description: Group ${n} of ${teams[n % teams.length]}`,
    ...[...members].map((m) => `${memberAttr}: ${m}`),
  ].join("\n")}\n\n`;
  if (chunk.length > 1 << 16) {
    await write(chunk);
    chunk = "";
  }
}
await write(chunk);
