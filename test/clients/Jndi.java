// What Java programs send, by JNDI and nothing else: Crowd's, Keycloak's and Spring Security's sequences.
// java Jndi.java URL; says the name of each sequence that went as it should.

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Hashtable;
import java.util.List;
import javax.naming.AuthenticationException;
import javax.naming.Context;
import javax.naming.NameAlreadyBoundException;
import javax.naming.NameNotFoundException;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.NoPermissionException;
import javax.naming.SizeLimitExceededException;
import javax.naming.directory.Attribute;
import javax.naming.directory.AttributeInUseException;
import javax.naming.directory.Attributes;
import javax.naming.directory.BasicAttribute;
import javax.naming.directory.BasicAttributes;
import javax.naming.directory.DirContext;
import javax.naming.directory.InvalidAttributeValueException;
import javax.naming.directory.ModificationItem;
import javax.naming.directory.NoSuchAttributeException;
import javax.naming.directory.SchemaViolationException;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.Control;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;
import javax.naming.ldap.PagedResultsControl;
import javax.naming.ldap.PagedResultsResponseControl;

public class Jndi {
  static final String SUFFIX = "dc=example,dc=com";
  static final String PEOPLE = "ou=people," + SUFFIX;
  static final String GROUPS = "ou=groups," + SUFFIX;
  static String url;

  static String user(String uid) {
    return "uid=" + uid + "," + PEOPLE;
  }

  static String group(String cn) {
    return "cn=" + cn + "," + GROUPS;
  }

  static LdapContext connect(String dn, String password, String referral) throws NamingException {
    Hashtable<String, Object> environment = new Hashtable<>();
    environment.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
    environment.put(Context.PROVIDER_URL, url);
    environment.put(Context.SECURITY_AUTHENTICATION, "simple");
    environment.put(Context.SECURITY_PRINCIPAL, dn);
    environment.put(Context.SECURITY_CREDENTIALS, password);
    environment.put(Context.REFERRAL, referral);
    environment.put("java.naming.ldap.attributes.binary", "jpegPhoto");
    return new InitialLdapContext(environment, null);
  }

  static LdapContext application(String name) throws NamingException {
    return connect("cn=" + name + ",ou=applications," + SUFFIX, name + "-secret", "ignore");
  }

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  interface Step {
    void run() throws Exception;
  }

  static void fails(Class<? extends Exception> kind, Step step) throws Exception {
    try {
      step.run();
    } catch (Exception caught) {
      if (kind.isInstance(caught)) return;
      throw caught;
    }
    throw new AssertionError("no " + kind.getSimpleName());
  }

  static SearchControls controls(int scope, String... attributes) {
    return new SearchControls(scope, 0, 0, attributes, false, false);
  }

  static final int SUBTREE = SearchControls.SUBTREE_SCOPE;
  static final int OBJECT = SearchControls.OBJECT_SCOPE;
  static final int ONE = SearchControls.ONELEVEL_SCOPE;

  static List<SearchResult> all(NamingEnumeration<SearchResult> found) throws NamingException {
    List<SearchResult> list = new ArrayList<>();
    while (found.hasMore()) list.add(found.next());
    return list;
  }

  static List<SearchResult> search(DirContext context, String base, String filter, SearchControls controls) throws NamingException {
    return all(context.search(base, filter, controls));
  }

  static List<SearchResult> pages(LdapContext context, String base, String filter, int size, String... attributes) throws Exception {
    List<SearchResult> list = new ArrayList<>();
    byte[] cookie = null;
    do {
      context.setRequestControls(new Control[] {new PagedResultsControl(size, cookie, Control.CRITICAL)});
      List<SearchResult> page = search(context, base, filter, controls(SUBTREE, attributes));
      check(page.size() <= size, "a page is no larger than asked for");
      list.addAll(page);
      Control[] answers = context.getResponseControls();
      check(answers != null && answers.length == 1 && answers[0] instanceof PagedResultsResponseControl, "the control is on every page");
      cookie = ((PagedResultsResponseControl) answers[0]).getCookie();
    } while (cookie != null);
    context.setRequestControls(null);
    return list;
  }

  static ModificationItem change(int kind, String name, Object... values) {
    BasicAttribute attribute = new BasicAttribute(name);
    for (Object value : values) attribute.add(value);
    return new ModificationItem(kind, attribute);
  }

  static void modify(DirContext context, String dn, ModificationItem... changes) throws NamingException {
    context.modifyAttributes(dn, changes);
  }

  static Attributes attributes(Object... namesAndValues) {
    BasicAttributes attributes = new BasicAttributes(true);
    for (int n = 0; n < namesAndValues.length; n += 2) {
      BasicAttribute attribute = new BasicAttribute((String) namesAndValues[n]);
      Object values = namesAndValues[n + 1];
      for (Object value : values instanceof Object[] ? (Object[]) values : new Object[] {values}) attribute.add(value);
      attributes.put(attribute);
    }
    return attributes;
  }

  static void crowd() throws Exception {
    LdapContext context = application("wiki");
    SearchControls validator = new SearchControls(OBJECT, 1, 500, new String[] {"objectclass"}, false, false);
    check(search(context, "", "objectclass=*", validator).size() == 1, "the pool's validator finds the root DSE");
    String[] wanted = {"uid", "mail", "givenName", "sn", "displayName", "entryUUID", "memberOf", "jpegPhoto"};
    check(pages(context, PEOPLE, "(objectclass=inetorgperson)", 5, wanted).size() == 12, "all users");
    check(pages(context, GROUPS, "(objectclass=groupOfNames)", 1000, "cn", "description", "", "uniqueMember").size() == 5, "all groups");
    SearchResult ann = search(context, PEOPLE, "(&(objectclass=inetorgperson)(uid=ann))", controls(SUBTREE, wanted)).get(0);
    check(ann.getNameInNamespace().endsWith(SUFFIX), "names end as the base is written");
    String uuid = (String) ann.getAttributes().get("entryUUID").get();
    check(search(context, PEOPLE, "(&(objectclass=inetorgperson)(entryUUID=" + uuid + "))", controls(SUBTREE, wanted)).size() == 1, "by external id");
    Attribute members = context.getAttributes(group("staff"), new String[] {"uniqueMember"}).get("uniqueMember");
    check(members.size() == 12, "the members of a group, read at the group");
    StringBuilder names = new StringBuilder();
    for (int n = 0; n < 990; n++) names.append("(distinguishedName=uid=missing").append(n).append(",").append(PEOPLE).append(")");
    for (int n = 0; n < 10; n++) names.append("(distinguishedName=").append(members.get(n)).append(")");
    check(search(context, PEOPLE, "(&(objectclass=inetorgperson)(|" + names + "))", controls(SUBTREE, wanted)).size() == 10, "a thousand names");
    check(search(context, GROUPS, "(&(objectclass=groupOfNames)(uniqueMember=" + user("ann") + "))", controls(SUBTREE, "cn")).size() == 3, "groups of a user");
    check(search(context, PEOPLE, "(&(objectclass=inetorgperson)(memberOf=" + group("design") + "))", controls(SUBTREE, "1.1")).size() == 3, "members by memberOf");
    fails(SizeLimitExceededException.class, () -> search(context, PEOPLE, "(uid=*)", new SearchControls(SUBTREE, 1, 0, wanted, false, false)));

    context.createSubcontext(user("crowd"), attributes("objectClass", "inetorgperson", "uid", "crowd", "sn", "Crowd", "givenName", "Joe", "mail", "j@example.com", "userPassword", "crowd-secret"));
    check(context.getAttributes(user("crowd")).get("cn") != null, "the user has a cn");
    fails(NameAlreadyBoundException.class, () -> context.createSubcontext(user("crowd"), attributes("objectClass", "inetorgperson", "sn", "x")));
    fails(NameNotFoundException.class, () -> context.getAttributes("cn=crowd-users," + GROUPS));
    context.createSubcontext(group("crowd-users"), attributes("objectClass", "groupOfUniqueNames", "cn", "crowd-users", "description", "of Crowd", "uniqueMember", ""));
    modify(context, group("crowd-users"), change(DirContext.ADD_ATTRIBUTE, "uniqueMember", user("crowd").toLowerCase()));
    fails(AttributeInUseException.class, () -> modify(context, group("crowd-users"), change(DirContext.ADD_ATTRIBUTE, "uniqueMember", user("crowd"))));
    modify(context, user("crowd"), change(DirContext.REPLACE_ATTRIBUTE, "mail", "c@example.com"), change(DirContext.ADD_ATTRIBUTE, "displayName", "Joe Crowd"));
    connect(user("crowd"), "crowd-secret", "follow").close();
    modify(context, user("crowd"), change(DirContext.REPLACE_ATTRIBUTE, "userPassword", "other-secret"));
    fails(AuthenticationException.class, () -> connect(user("crowd"), "crowd-secret", "follow"));
    connect(user("crowd"), "other-secret", "follow").close();
    modify(context, group("crowd-users"), change(DirContext.REMOVE_ATTRIBUTE, "uniqueMember", user("crowd")));
    fails(NoSuchAttributeException.class, () -> modify(context, group("crowd-users"), change(DirContext.REMOVE_ATTRIBUTE, "uniqueMember", user("crowd"))));
    context.destroySubcontext(group("crowd-users"));
    context.destroySubcontext(user("crowd"));
    fails(NameNotFoundException.class, () -> context.getAttributes(user("crowd")));
    context.close();
  }

  static void keycloak() throws Exception {
    LdapContext context = application("wiki");
    String[] wanted = {"entryUUID", "mail", "cn", "sn", "uid", "createTimestamp", "modifyTimestamp", "objectclass"};
    String classes = "(objectclass=inetOrgPerson)(objectclass=organizationalPerson)";
    check(pages(context, PEOPLE, "(&(uid=ann)" + classes + ")", 1000, wanted).size() == 1, "by name");
    check(pages(context, PEOPLE, "(&(|(uid=l*)(mail=l*)(givenName=l*)(sn=l*))(objectclass=person))", 20, wanted).size() == 1, "the console's search");
    check(pages(context, PEOPLE, "(&(|(createTimestamp>=20200101000000Z)(modifyTimestamp>=20200101000000.0Z))" + classes + ")", 5, wanted).size() == 12, "changed users");
    check(pages(context, PEOPLE, "(&(modifyTimestamp>=21000101000000.0Z)" + classes + ")", 5, wanted).isEmpty(), "nobody changed in the future");

    context.createSubcontext(user("key"), attributes("objectclass", new Object[] {"inetOrgPerson", "organizationalPerson"}, "uid", "key", "cn", "Key", "sn", " ", "givenName", " "));
    String uuid = (String) context.getAttributes(user("key"), new String[] {"entryUUID"}).get("entryUUID").get();
    check(pages(context, PEOPLE, "(&(entryUUID=" + uuid + ")" + classes + ")", 1, wanted).size() == 1, "by UUID");
    modify(context, user("key"), change(DirContext.REPLACE_ATTRIBUTE, "sn", "Cloak"), change(DirContext.REPLACE_ATTRIBUTE, "mail", "k@example.com"));
    modify(context, user("key"), change(DirContext.REPLACE_ATTRIBUTE, "userpassword", "key-secret".getBytes(StandardCharsets.UTF_8)));
    connect(user("key"), "key-secret", "ignore").close();
    byte[] photo = new byte[1024];
    for (int n = 0; n < photo.length; n++) photo[n] = (byte) n;
    modify(context, user("key"), change(DirContext.REPLACE_ATTRIBUTE, "jpegPhoto", photo));
    check(Arrays.equals(photo, (byte[]) context.getAttributes(user("key"), new String[] {"jpegPhoto"}).get("jpegPhoto").get()), "bytes come back as they were");

    context.createSubcontext(group("keys"), attributes("objectclass", "groupOfNames", "cn", "keys", "member", "cn=empty-membership-placeholder"));
    modify(context, group("keys"), change(DirContext.REPLACE_ATTRIBUTE, "member", user("key")));
    check(pages(context, GROUPS, "(&(objectclass=groupOfNames)(member=" + user("key") + "))", 5, "cn", "member").size() == 1, "groups of the user");
    modify(context, group("keys"), change(DirContext.REPLACE_ATTRIBUTE, "member", "cn=empty-membership-placeholder"));
    check(pages(context, GROUPS, "(&(objectclass=groupOfNames)(member=" + user("key") + "))", 5, "cn").isEmpty(), "and none when it left");
    modify(context, group("keys"), change(DirContext.REPLACE_ATTRIBUTE, "member", user("key")));

    fails(NameAlreadyBoundException.class, () -> context.rename(user("key"), user("ann")));
    context.rename(user("key"), user("key0"));
    check(uuid.equals(context.getAttributes(user("key0"), new String[] {"entryUUID"}).get("entryUUID").get()), "a rename keeps the UUID");
    check(user("key0").equals(context.getAttributes(group("keys")).get("member").get()), "and the membership");
    check(search(context, user("key0"), "(objectClass=*)", controls(ONE)).isEmpty(), "nothing is below it");
    context.destroySubcontext(user("key0"));
    context.destroySubcontext(group("keys"));
    fails(SchemaViolationException.class, () -> context.createSubcontext(user("bad"), attributes("objectclass", "inetOrgPerson", "cn", "x")));
    fails(InvalidAttributeValueException.class, () -> modify(context, user("ann"), change(DirContext.REPLACE_ATTRIBUTE, "entryUUID", uuid)));
    context.close();
  }

  static void spring() throws Exception {
    LdapContext context = application("tracker");
    List<SearchResult> found = search(context, SUFFIX, "(uid=kate)", new SearchControls());
    check(found.isEmpty(), "a one-level search of the suffix finds no user");
    found = search(context, SUFFIX, "(uid=kate)", new SearchControls(SUBTREE, 0, 0, null, false, false));
    check(found.size() == 1, "the user is found");
    String dn = found.get(0).getNameInNamespace();
    LdapContext user = connect(dn, "kate-secret", "ignore");
    check(user.getAttributes(dn).get("memberOf").size() == 2, "a user reads itself");
    fails(NameNotFoundException.class, () -> user.getAttributes(user("ann")));
    fails(NoPermissionException.class, () -> modify(user, dn, change(DirContext.REPLACE_ATTRIBUTE, "mail", "x@y.z")));
    user.close();
    fails(AuthenticationException.class, () -> connect(dn, "wrong", "ignore"));
    // A base search for nothing with a simple filter goes out as a compare.
    check(!all(context.search(dn, "(userPassword={0})", new Object[] {"wrong".getBytes()}, controls(OBJECT))).iterator().hasNext(), "a wrong password compares as false");
    check(all(context.search(dn, "(userPassword={0})", new Object[] {"kate-secret".getBytes()}, controls(OBJECT))).size() == 1, "the right one as true");
    check(all(context.search(dn, "(userPassword={0})", new Object[] {"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".getBytes()}, controls(OBJECT))).isEmpty(), "a hash as false");
    check(search(context, GROUPS, "(|(member=" + dn + ")(uniqueMember=" + dn + ")(memberUid=kate))", controls(SUBTREE, "cn")).size() == 2, "its groups");
    fails(NoPermissionException.class, () -> modify(context, dn, change(DirContext.REPLACE_ATTRIBUTE, "mail", "x@y.z")));
    check(context.getSchema("") != null, "the schema is read");
    check(context.getSchema("").lookup("ClassDefinition/inetOrgPerson") != null, "and knows its classes");
    context.close();
  }

  public static void main(String[] arguments) throws Exception {
    url = arguments[0];
    crowd();
    System.out.println("crowd");
    keycloak();
    System.out.println("keycloak");
    spring();
    System.out.println("spring");
  }
}
