#include "adapter/guest/tls_context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>

namespace haven::adapter::guest {
namespace {

// Certificates are renewed: what was read longer ago is read again.
constexpr auto kReadAgain = std::chrono::minutes(5);
// So many files of authorities at once; a cluster file names one or two.
constexpr std::size_t kMostAuthorities = 64;

bool is_number(const std::string& address) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
}

}  // namespace

std::string tls_error(SSL* ssl, const std::string& otherwise) {
  const long verified = ssl == nullptr ? X509_V_OK : SSL_get_verify_result(ssl);
  const unsigned long error = ERR_peek_last_error();
  std::string text = otherwise;
  if (verified != X509_V_OK)
    text = std::string("its certificate is not trusted: ") + X509_verify_cert_error_string(verified);
  else if (const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error); reason != nullptr)
    text = std::string("TLS: ") + reason;
  ERR_clear_error();
  return text;
}

tl::expected<Ssl, std::string> TlsContexts::begin(const Tls& tls, int fd) {
  const auto now = std::chrono::steady_clock::now();
  if (by_authority_.size() > kMostAuthorities) by_authority_.clear();
  Known& known = by_authority_[tls.authority];
  if (!known.context || now - known.read > kReadAgain) {
    known.context.reset(SSL_CTX_new(TLS_client_method()));
    known.read = now;
    const bool loaded = tls.authority.empty()
                            ? SSL_CTX_set_default_verify_paths(known.context.get()) == 1
                            : SSL_CTX_load_verify_locations(known.context.get(), tls.authority.c_str(), nullptr) == 1;
    if (!loaded) {
      by_authority_.erase(tls.authority);
      ERR_clear_error();
      return tl::unexpected("the certificates to trust cannot be read: " +
                            (tls.authority.empty() ? std::string("the system's") : tls.authority));
    }
    SSL_CTX_set_verify(known.context.get(), SSL_VERIFY_PEER, nullptr);
  }
  Ssl ssl(SSL_new(known.context.get()));
  bool ready = ssl != nullptr && SSL_set_fd(ssl.get(), fd) == 1;
  if (ready && is_number(tls.name)) {
    ready = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), tls.name.c_str()) == 1;
  } else if (ready) {
    ready =
        SSL_set1_host(ssl.get(), tls.name.c_str()) == 1 && SSL_set_tlsext_host_name(ssl.get(), tls.name.c_str()) == 1;
  }
  if (!ready) return tl::unexpected(tls_error(nullptr, "TLS cannot be begun"));
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace haven::adapter::guest
