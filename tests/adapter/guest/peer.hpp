// A server of this machine for tests: a real socket on 127.0.0.1, one thread for each who comes, told what to do with
// him. TLS where it is given a certificate.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace haven::testing {

// Whoever has come. send() and hear() are false once he is gone.
class Visitor {
 public:
  Visitor(int fd, SSL* ssl) : fd_(fd), ssl_(ssl) {}
  bool send(const std::string& text) const {
    if (ssl_ != nullptr) return SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0;
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // Until `end` has come.
  std::string hear(const std::string& end) const {
    std::string heard;
    char c = 0;
    while (heard.find(end) == std::string::npos) {
      const auto got = ssl_ != nullptr ? SSL_read(ssl_, &c, 1) : static_cast<int>(::recv(fd_, &c, 1, 0));
      if (got != 1) break;
      heard += c;
    }
    return heard;
  }

 private:
  int fd_;
  SSL* ssl_;
};

class Peer {
 public:
  using Serve = std::function<void(const Visitor&)>;
  // `certificate`: a PEM file with the certificate and its key; empty: in the clear.
  explicit Peer(Serve serve, const std::string& certificate = "") : serve_(std::move(serve)) {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes as it likes
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    ::listen(listener_, 64);
    if (!certificate.empty()) {
      context_ = SSL_CTX_new(TLS_server_method());
      SSL_CTX_use_certificate_chain_file(context_, certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context_, certificate.c_str(), SSL_FILETYPE_PEM);
    }
    thread_ = std::thread([this] { accept_all(); });
  }
  ~Peer() {
    ending_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (auto& [fd, thread] : visitors_) {
      ::shutdown(fd, SHUT_RDWR);
      thread.join();
      ::close(fd);
    }
    ::close(listener_);
    SSL_CTX_free(context_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  // Until the test is over.
  [[nodiscard]] bool goes_on() const { return !ending_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      visitors_.emplace_back(fd, std::thread([this, fd] { attend(fd); }));
    }
  }
  void attend(int fd) {
    SSL* ssl = context_ == nullptr ? nullptr : SSL_new(context_);
    if (ssl != nullptr) {
      SSL_set_fd(ssl, fd);
      if (SSL_accept(ssl) != 1) return SSL_free(ssl);
    }
    serve_(Visitor(fd, ssl));
    if (ssl != nullptr) {
      SSL_shutdown(ssl);
      SSL_free(ssl);
    }
    ::shutdown(fd, SHUT_RDWR);
  }

  Serve serve_;
  int listener_ = -1;
  int port_ = 0;
  SSL_CTX* context_ = nullptr;
  std::atomic<bool> ending_{false};
  std::vector<std::pair<int, std::thread>> visitors_;
  std::thread thread_;
};

}  // namespace haven::testing
