#!/usr/bin/env bash
# OpenLDAP's slapd (Debian package slapd) on loopback, as the peer to measure beside.
#   slapd.sh load FOLDER LDIF BASE    configures it in FOLDER and loads the file offline
#   slapd.sh serve FOLDER PORT        runs it in the foreground; admin: cn=admin,BASE / secret
# Settings are those of a careful administrator: indexes on what connectors search, memberOf on, no per-search limit,
# durable writes (mdb's default). slapadd computes no memberOf, so entries loaded by it have none.
set -euo pipefail
PATH=$PATH:/usr/sbin
command=$1 dir=$2

configure() {
  local base=$1
  mkdir -p "$dir/db"
  cat >"$dir/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile $dir/slapd.pid
sizelimit unlimited
threads 4
database mdb
maxsize 17179869184
suffix "$base"
rootdn "cn=admin,$base"
rootpw secret
directory $dir/db
index objectClass eq
index uid,mail,cn,sn,givenName eq,sub
index member,uniqueMember,memberOf eq
index entryUUID,entryCSN,modifyTimestamp eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous read
overlay memberof
memberof-refint TRUE
CONF
}

case $command in
  load) configure "$4" && exec slapadd -q -f "$dir/slapd.conf" -l "$3" ;;
  serve) exec slapd -d 0 -f "$dir/slapd.conf" -h "ldap://127.0.0.1:$3" ;;
  *) sed -n '2,6s/^# \?//p' "$0" >&2 && exit 2 ;;
esac
