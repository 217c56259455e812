// Real etcd members for a test: on a loopback address of this process' own, with their data in the test's folder.
// They die with the thread that started them, so start them from the test's main thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "adapter/engine/folder.hpp"

namespace haven::test {

class EtcdMembers {
 public:
  explicit EtcdMembers(std::size_t count = 1, std::vector<std::string> options = {});
  EtcdMembers(const EtcdMembers&) = delete;
  EtcdMembers& operator=(const EtcdMembers&) = delete;
  ~EtcdMembers();

  // host:port for clients, of each member.
  [[nodiscard]] std::vector<std::string> endpoints() const;
  // An address at which nobody listens.
  [[nodiscard]] std::string dead_endpoint() const { return dead_; }

  void start(std::size_t member);
  // The same member at another client address: who knows only the usual one does not reach it.
  void start_aside(std::size_t member);
  [[nodiscard]] std::string aside() const { return aside_; }
  void kill(std::size_t member);
  [[nodiscard]] bool runs(std::size_t member) const { return members_[member].pid > 0; }
  void freeze(std::size_t member);
  void thaw(std::size_t member);
  // Forgets all that a stopped member knows.
  void wipe(std::size_t member);
  // Client connections by TLS only, from the next start on; `files` as --cert-file and so on.
  void serve_tls(std::vector<std::string> options);
  [[nodiscard]] const Folder& folder() const { return folder_; }

 private:
  struct Member {
    std::string name;
    std::string client;
    std::string peer;
    pid_t pid = 0;
  };
  void launch(Member& member, const std::string& client);

  Folder folder_;
  std::vector<std::string> options_;
  std::string scheme_ = "http://";
  std::vector<Member> members_;
  std::string dead_, aside_;
};

}  // namespace haven::test
