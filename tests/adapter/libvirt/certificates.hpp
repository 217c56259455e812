// Certificates as libvirt and QEMU want them, made by openssl, and an /etc/pki of its own for each host of a test.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace haven::testing {

// One that issues certificates; it and its key lie in a folder that goes with it.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  // Of a host with this address, for a server and a client alike.
  struct Issued {
    std::string certificate, key;  // PEM
  };
  [[nodiscard]] Issued issue(const std::string& host, const std::string& address) const;
  [[nodiscard]] std::string certificate() const;  // its own, PEM

 private:
  std::filesystem::path folder_;
  std::string name_;
};

// What a host has under /etc/pki: where libvirt's daemon looks for its own, and where it tells QEMU to look.
struct Part {
  std::string authority;  // whom it believes; PEM
  Authority::Issued own;
};
struct Pki {
  std::optional<Part> libvirt, qemu;
};

// In a mount namespace of its own: nothing but this lies under /etc/pki. The folder must exist: PrivatePki sees to it.
[[nodiscard]] bool cover_pki(const Pki& pki);

// For the private host of the test, as long as this lives.
class PrivatePki {
 public:
  explicit PrivatePki(const Pki& pki);
  ~PrivatePki();
  PrivatePki(const PrivatePki&) = delete;
  PrivatePki& operator=(const PrivatePki&) = delete;
};

}  // namespace haven::testing
