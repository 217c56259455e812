// OpenSSL as conversations need it: who is trusted, and one connection's state.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "adapter/guest/conversation.hpp"

namespace haven::adapter::guest {

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Ssl = std::unique_ptr<SSL, SslDeleter>;

// One thread's.
class TlsContexts {
 public:
  // A client's side, over this socket. The error says what cannot be read, or cannot be right.
  [[nodiscard]] tl::expected<Ssl, std::string> begin(const Tls& tls, int fd);

 private:
  struct Known {
    std::unique_ptr<SSL_CTX, SslDeleter> context;
    std::chrono::steady_clock::time_point read;
  };
  std::map<std::string, Known> by_authority_;
};

// What OpenSSL found wrong last on this thread, or `otherwise`.
[[nodiscard]] std::string tls_error(SSL* ssl, const std::string& otherwise);

}  // namespace haven::adapter::guest
