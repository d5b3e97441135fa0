// TLS as Java programs do it, by JNDI and nothing else: ldaps, StartTLS, and SASL EXTERNAL with a client's certificate.
// java JndiTls.java PORT PORT PORT PORT TRUSTSTORE KEYSTORE; says the name of each step that went as it should. The ports
// are of ldap and ldaps, at 127.0.0.1 and then at 127.0.0.2, for which the server's certificate is not. The stores are
// PKCS12, their password "changeit".

import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.util.Hashtable;
import javax.naming.AuthenticationException;
import javax.naming.AuthenticationNotSupportedException;
import javax.naming.CommunicationException;
import javax.naming.Context;
import javax.naming.NamingException;
import javax.naming.directory.SearchControls;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;
import javax.naming.ldap.StartTlsRequest;
import javax.naming.ldap.StartTlsResponse;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

public class JndiTls {
  static final char[] PASSWORD = "changeit".toCharArray();
  static final String SUFFIX = "dc=example,dc=com";
  static final String WIKI = "cn=wiki,ou=applications," + SUFFIX;
  static final String ANN = "uid=ann,ou=people," + SUFFIX;
  static String url;
  static String secureUrl;
  static String otherUrl;
  static String otherSecureUrl;
  static SSLSocketFactory withCertificate;
  static SSLSocketFactory withoutCertificate;
  static SSLSocketFactory trustingNobody;

  static KeyStore store(String path) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream stream = new FileInputStream(path)) {
      store.load(stream, PASSWORD);
    }
    return store;
  }

  static SSLSocketFactory factory(KeyStore trusted, KeyStore own) throws Exception {
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    KeyManager[] keys = null;
    if (own != null) {
      KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      managers.init(own, PASSWORD);
      keys = managers.getKeyManagers();
    }
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys, trust.getTrustManagers(), null);
    return context.getSocketFactory();
  }

  static Hashtable<String, Object> environment(String url) {
    Hashtable<String, Object> environment = new Hashtable<>();
    environment.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
    environment.put(Context.PROVIDER_URL, url);
    environment.put("com.sun.jndi.ldap.connect.timeout", "10000");
    environment.put("com.sun.jndi.ldap.read.timeout", "10000");
    return environment;
  }

  static Hashtable<String, Object> simple(String url, String dn, String password) {
    Hashtable<String, Object> environment = environment(url);
    environment.put(Context.SECURITY_AUTHENTICATION, "simple");
    environment.put(Context.SECURITY_PRINCIPAL, dn);
    environment.put(Context.SECURITY_CREDENTIALS, password);
    return environment;
  }

  static LdapContext connect(Hashtable<String, Object> environment) throws NamingException {
    return new InitialLdapContext(environment, null);
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

  static void reads(LdapContext context) throws NamingException {
    SearchControls controls = new SearchControls(SearchControls.SUBTREE_SCOPE, 0, 0, new String[] {"mail"}, false, false);
    var found = context.search(SUFFIX, "(uid=ann)", controls);
    check("ann@example.com".equals(found.next().getAttributes().get("mail").get()), "the entry is read");
    check(!found.hasMore(), "and no other");
  }

  static void isNobody(LdapContext context) throws Exception {
    fails(NamingException.class, () -> context.getAttributes(ANN));
  }

  static void ldaps() throws Exception {
    LdapContext context = connect(simple(secureUrl, WIKI, "wiki-secret"));
    reads(context);
    // The same without the s, as some programs are configured.
    Hashtable<String, Object> environment = simple(secureUrl.replace("ldaps:", "ldap:"), ANN, "ann-secret");
    environment.put(Context.SECURITY_PROTOCOL, "ssl");
    LdapContext user = connect(environment);
    check(user.getAttributes(ANN).get("mail") != null, "a user reads itself");
    user.close();
    fails(AuthenticationException.class, () -> connect(simple(secureUrl, ANN, "wrong")));
    fails(CommunicationException.class, () -> connect(simple(otherSecureUrl, WIKI, "wiki-secret")));
    reads(context);
    context.close();
  }

  static void startTls() throws Exception {
    LdapContext context = connect(environment(url));
    StartTlsResponse response = (StartTlsResponse) context.extendedOperation(new StartTlsRequest());
    SSLSession session = response.negotiate(withoutCertificate);
    check(session.getProtocol().startsWith("TLSv1."), session.getProtocol());
    check(session.getPeerPrincipal().getName().equals("CN=localhost"), "the server is who it is");
    isNobody(context);
    context.addToEnvironment(Context.SECURITY_AUTHENTICATION, "simple");
    context.addToEnvironment(Context.SECURITY_PRINCIPAL, WIKI);
    context.addToEnvironment(Context.SECURITY_CREDENTIALS, "wiki-secret");
    context.reconnect(null);
    reads(context);
    context.close();

    LdapContext other = connect(environment(otherUrl));
    StartTlsResponse refused = (StartTlsResponse) other.extendedOperation(new StartTlsRequest());
    fails(SSLPeerUnverifiedException.class, () -> refused.negotiate(withoutCertificate));
    LdapContext another = connect(environment(url));
    StartTlsResponse untrusted = (StartTlsResponse) another.extendedOperation(new StartTlsRequest());
    fails(SSLException.class, () -> untrusted.negotiate(trustingNobody));
  }

  static void external() throws Exception {
    Hashtable<String, Object> environment = environment(secureUrl);
    environment.put(Context.SECURITY_AUTHENTICATION, "EXTERNAL");
    LdapContext context = connect(environment);
    reads(context);
    context.close();

    LdapContext upgraded = connect(environment(url));
    ((StartTlsResponse) upgraded.extendedOperation(new StartTlsRequest())).negotiate(withCertificate);
    isNobody(upgraded);
    upgraded.addToEnvironment(Context.SECURITY_AUTHENTICATION, "EXTERNAL");
    upgraded.reconnect(null);
    reads(upgraded);
    upgraded.close();

    LdapContext unknown = connect(environment(url));
    ((StartTlsResponse) unknown.extendedOperation(new StartTlsRequest())).negotiate(withoutCertificate);
    unknown.addToEnvironment(Context.SECURITY_AUTHENTICATION, "EXTERNAL");
    fails(AuthenticationNotSupportedException.class, () -> unknown.reconnect(null));
    unknown.close();
  }

  public static void main(String[] arguments) throws Exception {
    url = "ldap://localhost:" + arguments[0];
    secureUrl = "ldaps://localhost:" + arguments[1];
    otherUrl = "ldap://127.0.0.2:" + arguments[2];
    otherSecureUrl = "ldaps://127.0.0.2:" + arguments[3];
    KeyStore trusted = store(arguments[4]);
    KeyStore own = store(arguments[5]);
    withCertificate = factory(trusted, own);
    withoutCertificate = factory(trusted, null);
    KeyStore empty = KeyStore.getInstance("PKCS12");
    empty.load(null, PASSWORD);
    empty.setCertificateEntry("client", own.getCertificate(own.aliases().nextElement()));
    trustingNobody = factory(empty, null);
    // For ldaps, as Java programs are told of them.
    System.setProperty("javax.net.ssl.trustStore", arguments[4]);
    System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
    System.setProperty("javax.net.ssl.keyStore", arguments[5]);
    System.setProperty("javax.net.ssl.keyStorePassword", "changeit");
    ldaps();
    System.out.println("ldaps");
    startTls();
    System.out.println("StartTLS");
    external();
    System.out.println("EXTERNAL");
  }
}
