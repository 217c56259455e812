// Takes Haven off this host and leaves its guests running (`haven disarm`). havend stops as for an upgrade, so that
// nobody suspects the host and its claims stay; then nothing refuses a start any more; what was turned off may be given
// back. Every step can be said again: what is done already is left as it is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "adapter/systemd/units.hpp"
#include "daemon/boot.hpp"

namespace haven::daemon {

struct DisarmEdges {
  std::string etc = "/etc";
  std::string run_dir, state_dir;
  systemd::Config systemd;
  // The failures; an error where nothing could be asked.
  std::function<OrWhy<std::vector<std::string>>(const std::vector<std::string>& uuids)> autostart_on;
  // Gives back to guests what Haven held them to. Likewise.
  std::function<OrWhy<std::vector<std::string>>()> caps_off;
};

struct Disarmed {
  std::vector<std::string> done;      // a sentence each
  std::vector<std::string> problems;  // what is still to be done by hand
};

// An error: havend runs on, and nothing else was changed. `restore`: autostart and units as they were before Haven.
[[nodiscard]] OrWhy<Disarmed> disarm(const DisarmEdges& edges, bool restore);

}  // namespace haven::daemon
