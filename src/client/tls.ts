/** TLS as Loupe's own tools speak it to a service. PEM. Given: the connection is TLS. */
export interface ClientTls {
  /** Of the authority that signed the server's certificate; null: those that Node trusts. */
  readonly ca: Buffer | null;
  /** The client's own certificate, where the server asks for one. */
  readonly client: { readonly cert: Buffer; readonly key: Buffer } | null;
}
