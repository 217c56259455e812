// A second libvirtd beside the private one: with mounts and a name of its own in the test's private host, and an
// address of that host's loopback. Processes are common, so that a guest is looked for by libvirt's word alone.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace haven::testing {

class PeerLibvirtd {
 public:
  // libvirt takes nobody for another machine whose address is 127.0.0.1.
  static inline const std::string kAddress = "10.99.0.2";

  enum class Listens { tcp, tcp_and_tls };
  // `prepare` runs where it is to run, before it starts: false, and it does not.
  explicit PeerLibvirtd(Listens listens = Listens::tcp, const std::function<bool()>& prepare = {});
  ~PeerLibvirtd() { end(); }
  PeerLibvirtd(const PeerLibvirtd&) = delete;
  PeerLibvirtd& operator=(const PeerLibvirtd&) = delete;
  void end();  // SIGKILL

 private:
  pid_t pid_ = -1;
};

}  // namespace haven::testing
