// How a client is connected, as far as it decides who it may be and what it may say.

/** What a TLS client showed of itself. */
export interface ClientCertificate {
  /** The common names (CN) of its subject. */
  readonly commonNames: readonly string[];
  /** Why it proves nothing, such as CERT_HAS_EXPIRED; undefined: it is good, and signed by one of `tls.clientCA`. */
  readonly fault: string | undefined;
}

export interface Channel {
  /** plain: TCP as it is. tls: TCP under TLS. local: a Unix socket, which only the local administrator can open. */
  readonly kind: "plain" | "tls" | "local";
  /**
   * The peer's address, IPv4-mapped IPv6 as IPv4, after the PROXY header where that is believed; "local" on a Unix
   * socket.
   */
  readonly address: string;
  readonly certificate?: ClientCertificate | undefined;
}

/** Whether nobody between the two ends can read along. */
export function isConfidential({ kind }: Channel): boolean {
  return kind !== "plain";
}
