// What Haven turned off on this host, remembered under state_dir before it is turned off, so that it can be given back
// (`haven disarm --restore`). A line each: "autostart UUID" or "unit NAME".
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "daemon/boot.hpp"

namespace haven::daemon {

class TurnedOff {
 public:
  enum class Kind { autostart, unit };
  struct Content {
    std::vector<std::string> autostart;  // uuids
    std::vector<std::string> units;
  };

  explicit TurnedOff(std::string path) : path_(std::move(path)) {}

  // Any thread. Durable once it returns; what is known already is not written again.
  [[nodiscard]] OrWhy<void> add(Kind kind, const std::string& name);
  // No file: nothing was turned off.
  [[nodiscard]] OrWhy<Content> read() const;
  // Everything was given back.
  [[nodiscard]] OrWhy<void> forget();

 private:
  [[nodiscard]] OrWhy<Content> read_unlocked() const;
  mutable std::mutex mutex_;
  std::string path_;
};

}  // namespace haven::daemon
