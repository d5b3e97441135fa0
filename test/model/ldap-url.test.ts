import { describe, expect, test } from "vitest";
import { LdapError } from "../../src/model/failure.js";
import { filterToString } from "../../src/model/filter-text.js";
import { parseLdapUrl } from "../../src/model/ldap-url.js";

function shown(text: string): unknown[] {
  const { host, base, attributes, scope, filter } = parseLdapUrl(text);
  return [host, base.toString(), attributes.join(","), scope, filterToString(filter)];
}

const all = "(objectClass=*)";

describe("the examples of RFC 4516 section 4", () => {
  test.each([
    ["ldap:///o=University%20of%20Michigan,c=US", "", "o=University of Michigan,c=US", "", "base", all],
    [
      "ldap://ldap1.example.net/o=University%20of%20Michigan,c=US?postalAddress",
      "ldap1.example.net",
      "o=University of Michigan,c=US",
      "postalAddress",
      "base",
      all,
    ],
    [
      "ldap://ldap1.example.net:6666/o=University%20of%20Michigan,c=US??sub?(cn=Babs%20Jensen)",
      "ldap1.example.net:6666",
      "o=University of Michigan,c=US",
      "",
      "sub",
      "(cn=Babs Jensen)",
    ],
    ["LDAP://ldap1.example.com/c=GB?objectClass?ONE", "ldap1.example.com", "c=GB", "objectClass", "one", all],
    ["ldap://ldap2.example.com/o=Question%3f,c=US?mail", "ldap2.example.com", "o=Question?,c=US", "mail", "base", all],
    [
      "ldap://ldap3.example.com/o=Babsco,c=US???(four-octet=%5c00%5c00%5c00%5c04)",
      "ldap3.example.com",
      "o=Babsco,c=US",
      "",
      "base",
      "(four-octet=\\00\\00\\00\\04)",
    ],
    [
      "ldap://ldap.example.com/o=An%20Example%5C2C%20Inc.,c=US",
      "ldap.example.com",
      "o=An Example\\2C Inc.,c=US",
      "",
      "base",
      all,
    ],
    ["ldap://ldap.example.net", "ldap.example.net", "", "", "base", all],
    ["ldap://ldap.example.net/", "ldap.example.net", "", "", "base", all],
    ["ldap://ldap.example.net/?", "ldap.example.net", "", "", "base", all],
  ])("%s", (text, ...parts) => {
    expect(shown(text)).toEqual(parts);
  });

  test.each([
    ["ldap:///??sub??e-bindname=cn=Manager%2cdc=example%2cdc=com", false],
    ["ldap:///??sub??!e-bindname=cn=Manager%2cdc=example%2cdc=com", true],
  ])("%s", (text, isCritical) => {
    expect(parseLdapUrl(text).extensions).toEqual([
      { type: "e-bindname", value: "cn=Manager,dc=example,dc=com", isCritical },
    ]);
  });
});

test.each([
  ["ldap:///ou=people,dc=example,dc=com??sub?(|(cn=A b)(sn>=c))", "sub", "(|(cn=A b)(sn>=c))"],
  ["ldap:///dc=example,dc=com?*,+,cn;lang-de?one?(cn=%C3%A9)", "one", "(cn=é)"],
  ["ldap:///dc=example,dc=com?cn?base?(cn=é)", "base", "(cn=é)"],
  ["ldap:///dc=example,dc=com??sub?(cn=what%3F)", "sub", "(cn=what?)"],
  ["ldap:///dc=example,dc=com??sub??", "sub", all],
  ["ldap://[2001:db8::7]:389/dc=example,dc=com??Sub", "sub", all],
])("taken: %s", (text, scope, filter) => {
  const url = parseLdapUrl(text);
  expect([url.scope, filterToString(url.filter)]).toEqual([scope, filter]);
});

test.each([
  ["", "is expected"],
  ["ldaps:///dc=com", "is expected"],
  ["ldapi:///dc=com", "is expected"],
  ["ldap:/dc=com", "is expected"],
  ["dc=example,dc=com??sub?(cn=*)", "is expected"],
  [" ldap:///dc=com", "is expected"],
  ["ldap:///dc=com?cn?sub?(cn=*)?x?more", "is expected"],
  ["ldap:///dc=com??sub?(cn=what?)", "the filter"],
  ["ldap://a b/dc=com", "host"],
  ["ldap://a:99999/dc=com", "host"],
  ["ldap://a:x/dc=com", "host"],
  ["ldap:///com??sub", "the base: invalid DN"],
  ["ldap:///dc=%zz", '"%" is followed by two digits'],
  ["ldap:///dc=com%2", '"%" is followed by two digits'],
  ["ldap:///dc=%ff", "not UTF-8"],
  ["ldap:///dc=com?c n", "no attribute"],
  ["ldap:///dc=com?cn,", "no attribute"],
  ["ldap:///dc=com??all", "the scope is base, one or sub"],
  ["ldap:///dc=com??subtree", "the scope is base, one or sub"],
  ["ldap:///dc=com??sub ?(cn=*)", "the scope is base, one or sub"],
  ["ldap:///dc=com??sub?cn=ann", 'the filter: the filter begins with a "("'],
  ["ldap:///dc=com??sub?(cn=ann", "the filter: invalid filter"],
  ["ldap:///dc=com??sub?(cn=ann) the anns", "the filter: invalid filter"],
  ["ldap:///dc=com??sub??!", "no extension"],
  ["ldap:///dc=com??sub??a,", "no extension"],
  ["ldap:///dc=com\n", "control character"],
  ["ldap:///dc=com\0??sub", "control character"],
])("%j: %s", (text, what) => {
  const refused = expect(() => parseLdapUrl(text));
  refused.toThrow(LdapError);
  refused.toThrow(what);
});
