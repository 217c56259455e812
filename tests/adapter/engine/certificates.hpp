// A certificate authority for one test, in the test's folder: made with openssl, good for two days.
#pragma once

#include <string>
#include <vector>

#include "adapter/engine/folder.hpp"
#include "adapter/etcd/etcd_engine.hpp"

namespace haven::test {

class Certificates {
 public:
  // `addresses`: what its certificates vouch for. `name` tells the files of several authorities in one folder apart.
  Certificates(const Folder& folder, const std::vector<std::string>& addresses, const std::string& name = "ca");

  [[nodiscard]] std::string ca() const { return file("pem"); }
  // A certificate that this authority signed, and its key.
  [[nodiscard]] adapter::EtcdTls issue(const std::string& holder) const;
  // etcd's flags: it shows a certificate of this authority, and asks every client for one.
  [[nodiscard]] std::vector<std::string> member_options() const;

 private:
  [[nodiscard]] std::string file(const std::string& ending) const { return folder_.file(name_ + "." + ending); }
  void request(const std::string& path, const std::string& holder, std::vector<std::string> more) const;

  const Folder& folder_;
  std::string name_;
};

// Whether who listens at ADDRESS:PORT and a client with these files believe each other.
[[nodiscard]] bool shakes_hands(const std::string& at, const adapter::EtcdTls& tls);

}  // namespace haven::test
