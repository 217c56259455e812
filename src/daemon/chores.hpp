// What follows from the list of protected domains and may take its time (upkeep.hpp): a thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/model/spec.hpp"
#include "core/model/units.hpp"

namespace haven::daemon {

// The domains that nobody but Haven may start, and the file that says so (nullptr: none can be read).
struct Protected {
  std::vector<std::string> uuids;
  std::shared_ptr<const Spec> spec;
  std::vector<std::string> kept_out{};  // uuids that only must not start or come in now (F3)
};

class Chores {
 public:
  static constexpr Duration kRetry = 30s;
  // What was in order may have been changed by somebody since.
  static constexpr Duration kLookAgain = 10min;

  // True: done. False: to be tried again.
  using Work = std::function<bool(const Protected&)>;
  explicit Chores(Work work, Duration retry = kRetry, Duration look_again = kLookAgain);
  // Waits for work under way.
  ~Chores();
  Chores(const Chores&) = delete;
  Chores& operator=(const Chores&) = delete;

  // The latest list counts. Does not wait.
  void want(Protected wanted);

 private:
  void serve();

  Work work_;
  Duration retry_, look_again_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Protected> wanted_;
  bool ending_ = false;
  std::thread thread_;
};

// Of libvirt's two drivers, those whose hook is not Haven's; a sentence each, with its cure.
[[nodiscard]] std::vector<std::string> missing_hooks(const std::string& etc);
// Haven's own hooks there, by path.
[[nodiscard]] std::vector<std::string> installed_hooks(const std::string& etc);

}  // namespace haven::daemon
