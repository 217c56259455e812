// Disks and directories as this host's kernel reaches them (port/storage.hpp).
//
// A read of a dead path hangs in the kernel and cannot be taken back, so each read has a thread that may be left
// behind: at most kMaxReaders of them, and never two on one path. A path whose last read still hangs is lost without
// another.
#pragma once

#include <cstddef>
#include <memory>

#include "port/storage.hpp"

namespace haven::adapter {

class LocalPaths : public port::Storage {
 public:
  static constexpr std::size_t kMaxReaders = 16;
  static constexpr std::size_t kMaxLooks = 16;  // open at once; one more is answered at once, all of it lost

  explicit LocalPaths(port::StorageSink sink);
  ~LocalPaths() override;

  void look(CallId call, std::vector<std::string> paths, Duration timeout) override;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

// One read, as a look makes it. True: the path answered. May hang for ever.
[[nodiscard]] bool path_answers(const std::string& path);

}  // namespace haven::adapter
