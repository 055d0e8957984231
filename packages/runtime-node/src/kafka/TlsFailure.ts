/** Codes of Node's for a certificate that is not to be trusted, whatever the Kafka client. */
export const isCertificateCode = (code: unknown): boolean =>
  typeof code === "string" &&
  (/^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_|ERR_TLS_CERT_)/.test(code) ||
    code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH")
