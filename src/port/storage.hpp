// Whether this host can read the disks of its resources. Asynchronous like every port: each look is answered by exactly
// one event with its id, at its timeout at the latest; a path that hangs delays nobody but its own answers. Events come
// from the adapter's own threads; the sink must not block.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven::port {

// `lost`: what gave an error that speaks of its path, or no answer in time. A file that is simply not there is not
// lost, and neither is one that must not be read: somebody answered for it.
struct StorageLooked {
  CallId call;
  std::vector<std::string> lost;
};
using StorageSink = std::function<void(StorageLooked)>;

class Storage {
 public:
  virtual ~Storage() = default;

  // Reads a little of each path (file, block device or directory), past the page cache where the path allows it.
  virtual void look(CallId call, std::vector<std::string> paths, Duration timeout) = 0;
};

}  // namespace haven::port
