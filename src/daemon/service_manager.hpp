// What havend says to the service manager that started it, and what it left there for its successor
// (https://www.freedesktop.org/software/systemd/man/sd_notify.html, sd_listen_fds). Without one, nothing is said.
#pragma once

#include <string>

namespace haven::daemon {

// A descriptor that an earlier havend left under this name; -1: none. Once per process: its environment is cleared, so
// that no child takes it for its own.
[[nodiscard]] int take_kept_descriptor(const std::string& name);

// Has this descriptor outlive the process; fd -1: what stands under the name is dropped.
void keep_descriptor(const std::string& name, int fd);

}  // namespace haven::daemon
