// What follows from the list of protected domains and may take its time: the list that outlives the boot, autostart
// (PROTOCOL C5), and a look at what else could start a domain. A thread of its own, for disks and libvirt may hang.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/model/units.hpp"

namespace haven::daemon {

class Chores {
 public:
  static constexpr Duration kRetry = 30s;

  // True: done. False: to be tried again.
  using Work = std::function<bool(const std::vector<std::string>& uuids)>;
  explicit Chores(Work work);
  // Waits for work under way.
  ~Chores();
  Chores(const Chores&) = delete;
  Chores& operator=(const Chores&) = delete;

  // The latest list counts. Does not wait.
  void want(std::vector<std::string> uuids);

 private:
  void serve();

  Work work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::vector<std::string>> wanted_;
  bool ending_ = false;
  std::thread thread_;
};

// What stands in the way of Haven being the only one who starts domains here; a sentence each, with its cure.
[[nodiscard]] std::vector<std::string> rivals(const std::string& etc);

}  // namespace haven::daemon
