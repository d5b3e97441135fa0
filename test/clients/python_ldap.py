"""What programs on libldap send, by python-ldap. Called with the server's URL and the name of a sequence."""

import sys

import ldap
from ldap.controls import SimplePagedResultsControl

URL, SEQUENCE = sys.argv[1:]
SUFFIX = "dc=example,dc=com"
PEOPLE = "ou=people," + SUFFIX
GROUPS = "ou=groups," + SUFFIX


def user(uid):
    return "uid=%s,%s" % (uid, PEOPLE)


def group(cn):
    return "cn=%s,%s" % (cn, GROUPS)


def connect(dn=None, password=None):
    connection = ldap.initialize(URL)
    connection.protocol_version = 3
    connection.set_option(ldap.OPT_REFERRALS, 0)
    if dn:
        connection.simple_bind_s(dn, password)
    return connection


def application(name):
    return connect("cn=%s,ou=applications,%s" % (name, SUFFIX), name + "-secret")


def fails(error, call, *args):
    try:
        call(*args)
    except error as caught:
        return caught
    raise AssertionError("%s was not raised by %r" % (error, args))


def pages(connection, base, filter, attributes, size, critical):
    control = SimplePagedResultsControl(critical, size=size, cookie="")
    found = []
    while True:
        message = connection.search_ext(base, ldap.SCOPE_SUBTREE, filter, attributes, serverctrls=[control])
        _, data, _, controls = connection.result3(message)
        found.extend(data)
        answers = [c for c in controls if c.controlType == SimplePagedResultsControl.controlType]
        assert len(answers) == 1, "the response control is there on every page"
        if not answers[0].cookie:
            return found
        control.cookie = answers[0].cookie


def sssd():
    connection = connect()
    names = [
        "*", "altServer", "namingContexts", "supportedControl", "supportedExtension", "supportedFeatures",
        "supportedLDAPVersion", "supportedSASLMechanisms", "domainControllerFunctionality", "defaultNamingContext",
        "highestCommittedUSN", "lastUSN",
    ]
    [(dn, root)] = connection.search_s("", ldap.SCOPE_BASE, "(objectclass=*)", names)
    assert dn == "" and root["namingContexts"] == [SUFFIX.encode()]
    assert "domainControllerFunctionality" not in root and "highestCommittedUSN" not in root
    connection.simple_bind_s("cn=tracker,ou=applications," + SUFFIX, "tracker-secret")
    wanted = [
        "objectClass", "uid", "userPassword", "uidNumber", "gidNumber", "gecos", "homeDirectory", "loginShell", "cn",
        "mail", "modifyTimestamp", "shadowLastChange", "sshPublicKey", "userCertificate;binary", "authorizedService", "host",
    ]
    filter = "(&(uid=ann)(objectclass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))"
    [(dn, ann)] = connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, filter, wanted)
    assert dn == user("ann") and ann["uidNumber"] == [b"10001"] and "userPassword" not in ann
    stamp = ann["modifyTimestamp"][0].decode()
    assert len(connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, "(&(objectclass=posixAccount)(uidNumber=10001))", wanted)) == 1
    newer = "(&(objectclass=posixAccount)(modifyTimestamp>=%s)(!(modifyTimestamp=%s)))" % (stamp, stamp)
    assert connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, newer, wanted) == []
    assert len(pages(connection, SUFFIX, "(&(uid=*)(objectclass=posixAccount))", wanted, 1000, False)) == 4
    filter = "(&(memberuid=ann)(objectClass=posixGroup)(cn=*)(&(gidNumber=*)(!(gidNumber=0))))"
    assert connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, filter, ["cn", "gidNumber", "memberuid"]) == []
    filter = "(&(member=%s)(objectclass=groupOfNames)(cn=*))" % user("ann")
    found = connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, filter, ["objectClass", "cn", "member", "modifyTimestamp"])
    assert sorted(dn for dn, _ in found) == [group("administrators"), group("engineering"), group("staff")]
    [(_, nested)] = connection.search_s(group("tracker-users"), ldap.SCOPE_BASE, "(objectclass=*)", ["member"])
    for member in nested["member"]:
        assert len(connection.search_s(member.decode(), ldap.SCOPE_BASE, "(objectclass=*)", ["objectClass", "uid"])) == 1
    login = connect()
    login.simple_bind_s(user("ann"), "ann-secret")
    fails(ldap.INVALID_CREDENTIALS, login.simple_bind_s, user("ann"), "wrong")


def nextcloud():
    connection = application("wiki")
    message = connection.search_ext(SUFFIX, ldap.SCOPE_SUBTREE, "objectClass=*", ["dn"], sizelimit=1)
    found = []
    try:
        while True:
            kind, data = connection.result(message, all=0)
            if kind == ldap.RES_SEARCH_RESULT:
                break
            found.extend(data)
    except ldap.SIZELIMIT_EXCEEDED:
        pass
    assert len(found) == 1
    filter = "(&(|(objectclass=inetOrgPerson))(|(uid=ann@example.com)(|(mailPrimaryAddress=ann@example.com)(mail=ann@example.com))))"
    [(dn, ann)] = connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, filter, ["entryuuid", "nsuniqueid", "objectguid", "guid", "ipauniqueid"])
    assert dn == user("ann") and list(ann) == ["entryuuid"]
    wanted = ["jpegphoto", "thumbnailphoto", "displayName", "mail", "quota", "memberOf", "uid", "entryUUID", ""]
    assert len(pages(connection, PEOPLE, "(&(|(objectclass=inetOrgPerson)))", wanted, 5, False)) == 12
    for attribute in ("uniqueMember", "memberUid", "member"):
        found = connection.search_s(GROUPS, ldap.SCOPE_SUBTREE, "(%s=*)" % attribute, [attribute])
        assert len(found) == 5 and all(attribute in entry for _, entry in found), (attribute, found)
    assert len(connection.search_s(PEOPLE, ldap.SCOPE_SUBTREE, "(memberOf=*)", ["dn"])) == 12
    assert len(connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, "(&(uid=*)(memberOf=%s))" % group("design"), ["1.1"])) == 3
    new = user("cloud")
    connection.add_s(new, [
        ("objectClass", [b"top", b"inetOrgPerson", b"posixAccount"]), ("uid", [b"cloud"]), ("cn", [b"Cloud"]), ("sn", [b"C"]),
        ("uidNumber", [b"0"]), ("gidNumber", [b"0"]), ("homeDirectory", [b"/home/cloud"]), ("userPassword", [b"cloud-secret"]),
    ])
    fails(ldap.ALREADY_EXISTS, connection.add_s, new, [("objectClass", [b"inetOrgPerson"]), ("cn", [b"x"]), ("sn", [b"x"])])
    connection.modify_s(new, [(ldap.MOD_REPLACE, "displayName", b"Cloud \xc3\x9cser"), (ldap.MOD_REPLACE, "mail", b"c@example.com")])
    photo = bytes(range(256)) * 8
    connection.modify_s(new, [(ldap.MOD_REPLACE, "jpegPhoto", photo)])
    [(_, entry)] = connection.search_s(new, ldap.SCOPE_BASE, "(objectClass=*)", ["jpegphoto"])
    assert entry == {"jpegphoto": [photo]}
    connection.modify_s(new, [(ldap.MOD_REPLACE, "userPassword", b"other-secret")])
    connect(new, "other-secret")
    fails(ldap.INVALID_CREDENTIALS, connect, new, "cloud-secret")
    connection.modify_s(group("staff"), [(ldap.MOD_ADD, "uniqueMember", new.encode())])
    fails(ldap.TYPE_OR_VALUE_EXISTS, connection.modify_s, group("staff"), [(ldap.MOD_ADD, "member", new.encode())])
    connection.delete_s(new)
    assert connection.search_s(GROUPS, ldap.SCOPE_SUBTREE, "(member=%s)" % new, ["dn"]) == []


def httpd():
    connection = application("tracker")
    [(dn, _)] = connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, "(&(objectClass=*)(uid=kate))", ["uid", "cn"])
    connect(dn, "kate-secret")
    assert connection.compare_s(group("tracker-users"), "member", dn.encode())
    assert connection.compare_s(group("tracker-users"), "uniquemember", dn.encode())
    assert not connection.compare_s(group("design"), "member", dn.encode())
    fails(ldap.NO_SUCH_ATTRIBUTE, connection.compare_s, dn, "member", dn.encode())
    fails(ldap.NO_SUCH_OBJECT, connection.compare_s, group("nothing"), "member", dn.encode())
    fails(ldap.UNDEFINED_TYPE, connection.compare_s, dn, "wizardry", b"x")
    fails(ldap.UNWILLING_TO_PERFORM, connection.simple_bind_s, dn, "")


def gitlab():
    connection = application("wiki")
    [(_, root)] = connection.search_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["namingContexts", "supportedLdapVersion", "supportedControl"])
    assert root["supportedLdapVersion"] == [b"3"] and b"1.2.840.113556.1.4.319" in root["supportedControl"]
    assert len(pages(connection, SUFFIX, "(uid=ann)", ["uid", "mail", "dn", "memberof"], 126, False)) == 1
    assert connection.search_s(user("ann"), ldap.SCOPE_BASE, "(uid=ann)", ["dn"]) == [(user("ann"), {})]
    assert connection.search_s(user("ann"), ldap.SCOPE_BASE, "(uid=ben)", ["dn"]) == []
    fails(ldap.NO_SUCH_OBJECT, connection.search_s, user("nobody"), ldap.SCOPE_BASE, "(objectClass=*)", ["dn"])


def several_at_once():
    connection = application("wiki")
    messages = [connection.search(SUFFIX, ldap.SCOPE_SUBTREE, "(uid=%s)" % uid, ["uid"]) for uid in ["ann", "ben", "cora"] * 10]
    for n, message in reversed(list(enumerate(messages))):
        _, [(_, entry)] = connection.result(message)
        assert entry["uid"] == [["ann", "ben", "cora"][n % 3].encode()]
    connection.abandon(connection.search(SUFFIX, ldap.SCOPE_SUBTREE))
    assert connection.whoami_s() == "dn:cn=wiki,ou=applications," + SUFFIX
    connection.rename_s(user("leo"), "uid=leonard", delold=1)
    connection.rename_s(user("leonard"), "uid=leo", newsuperior=PEOPLE, delold=1)


SEQUENCES = {f.__name__: f for f in (sssd, nextcloud, httpd, gitlab, several_at_once)}
SEQUENCES[SEQUENCE]()
print("done")
