"""TLS and the Unix socket, by python-ldap. Called with a step and with what it needs: see each."""

import sys

import ldap
import ldap.extop
import ldap.sasl

STEP, *REST = sys.argv[1:]
SUFFIX = "dc=example,dc=com"
WIKI = "cn=wiki,ou=applications," + SUFFIX
ANN = "uid=ann,ou=people," + SUFFIX
ADMINISTRATOR = "dn:cn=administrator,cn=external,cn=auth"


def fails(error, call, *args):
    try:
        call(*args)
    except error as caught:
        return caught
    raise AssertionError("%s was not raised by %r" % (error, args))


def connect(url, ca=None, certificate=None, key=None):
    connection = ldap.initialize(url)
    connection.protocol_version = 3
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 10)
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    if ca:
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, ca)
    if certificate:
        connection.set_option(ldap.OPT_X_TLS_CERTFILE, certificate)
        connection.set_option(ldap.OPT_X_TLS_KEYFILE, key)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    return connection


def reads(connection):
    [(dn, ann)] = connection.search_s(SUFFIX, ldap.SCOPE_SUBTREE, "(uid=ann)", ["mail"])
    assert (dn, ann) == (ANN, {"mail": [b"ann@example.com"]})


def start_tls(url, ca, other_ca):
    connection = connect(url, ca)
    connection.start_tls_s()
    assert connection.whoami_s() == ""
    connection.simple_bind_s(WIKI, "wiki-secret")
    assert connection.whoami_s() == "dn:" + WIKI
    reads(connection)
    fails(ldap.OPERATIONS_ERROR, connection.extop_s, ldap.extop.ExtendedRequest("1.3.6.1.4.1.1466.20037", None))
    reads(connection)
    connection.unbind_s()
    # Who bound in the clear is nobody under TLS.
    connection = connect(url, ca)
    connection.simple_bind_s(WIKI, "wiki-secret")
    connection.start_tls_s()
    assert connection.whoami_s() == ""
    fails(ldap.CONNECT_ERROR, connect(url, other_ca).start_tls_s)


def ldaps(url, ca, other_ca):
    connection = connect(url, ca)
    connection.simple_bind_s(ANN, "ann-secret")
    assert connection.whoami_s() == "dn:" + ANN
    fails(ldap.INVALID_CREDENTIALS, connection.simple_bind_s, ANN, "wrong")
    assert connection.whoami_s() == ""
    plain = ldap.sasl.sasl({ldap.sasl.CB_AUTHNAME: "ann", ldap.sasl.CB_PASS: "ann-secret"}, "PLAIN")
    connection.sasl_interactive_bind_s("", plain)
    assert connection.whoami_s() == "dn:" + ANN
    # Large, and in many pieces of TLS, both ways.
    photo = bytes(range(256)) * 4096
    connection.simple_bind_s(WIKI, "wiki-secret")
    connection.modify_s(ANN, [(ldap.MOD_REPLACE, "jpegPhoto", photo)])
    assert connection.search_s(ANN, ldap.SCOPE_BASE, "(objectClass=*)", ["jpegPhoto"]) == [(ANN, {"jpegPhoto": [photo]})]
    fails(ldap.SERVER_DOWN, connect(url, other_ca).whoami_s)


def certificate(url, secure_url, ca, certificate, key):
    secure = connect(secure_url, ca, certificate, key)
    upgraded = connect(url, ca, certificate, key)
    upgraded.start_tls_s()
    for connection in (secure, upgraded):
        assert connection.whoami_s() == ""
        connection.sasl_external_bind_s()
        assert connection.whoami_s() == "dn:" + WIKI
        reads(connection)
        fails(ldap.INVALID_CREDENTIALS, connection.sasl_external_bind_s, None, None, ldap.SASL_QUIET, "dn:" + ANN)
        assert connection.whoami_s() == ""


def local(url):
    connection = connect(url)
    assert connection.whoami_s() == ADMINISTRATOR
    connection.sasl_external_bind_s()
    assert connection.whoami_s() == ADMINISTRATOR
    reads(connection)
    robot = "uid=robot,ou=people," + SUFFIX
    connection.add_s(robot, [("objectClass", [b"inetOrgPerson"]), ("cn", [b"Robot"]), ("sn", [b"R"]), ("uid", [b"robot"])])
    connection.modify_s(robot, [(ldap.MOD_REPLACE, "userPassword", b"robot-secret")])
    connection.simple_bind_s(robot, "robot-secret")
    assert connection.whoami_s() == "dn:" + robot
    fails(ldap.INSUFFICIENT_ACCESS, connection.delete_s, robot)
    fails(ldap.INVALID_CREDENTIALS, connection.simple_bind_s, WIKI, "wrong")
    assert connection.whoami_s() == ""
    fails(ldap.INSUFFICIENT_ACCESS, connection.delete_s, robot)
    connection.simple_bind_s()
    assert connection.whoami_s() == ADMINISTRATOR
    connection.delete_s(robot)


STEPS = {f.__name__: f for f in (start_tls, ldaps, certificate, local)}
STEPS[STEP](*REST)
print("done")
